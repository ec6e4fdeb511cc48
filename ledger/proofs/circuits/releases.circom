pragma circom 2.1.6;

include "poseidon.circom";
include "./band.circom";
include "./hashing.circom";

// The release tests: each value between the limits of the specification, both included. Values are non-negative
// integers in the unit that the protocol names. A place without a test has limits of zero and no leaf.
template Releases(R) {
    var VALUE_BITS = 48;
    signal input therapy;
    signal input count;
    signal input code[R];
    signal input lo[R];
    signal input hi[R];
    signal input active[R];
    signal input salt[R];
    signal input value[R];
    signal output root;

    component above[R];
    component below[R];
    component leaf[R];
    component all = HashMany(R + 1, 3);
    var tests = 0;
    for (var i = 0; i < R; i++) {
        active[i] * (active[i] - 1) === 0;
        if (i > 0) active[i] * (1 - active[i - 1]) === 0;
        tests += active[i];

        above[i] = Num2Bits(VALUE_BITS);
        above[i].in <== value[i] - lo[i];
        below[i] = Num2Bits(VALUE_BITS);
        below[i].in <== hi[i] - value[i];

        leaf[i] = Poseidon(5);
        leaf[i].inputs[0] <== 3100;
        leaf[i].inputs[1] <== salt[i];
        leaf[i].inputs[2] <== therapy;
        leaf[i].inputs[3] <== code[i];
        leaf[i].inputs[4] <== value[i];
        all.in[1 + i] <== active[i] * leaf[i].out;
    }
    tests === count;
    all.in[0] <== count;
    root <== all.out;
}

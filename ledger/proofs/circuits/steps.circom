pragma circom 2.1.6;

include "poseidon.circom";
include "bitify.circom";
include "./band.circom";
include "./hashing.circom";

// Which of S places `index` names: exactly one when `enabled`, none otherwise.
template OneHot(S) {
    signal input enabled;
    signal input index;
    signal input chosen[S];
    var sum = 0;
    var weighted = 0;
    for (var i = 0; i < S; i++) {
        chosen[i] * (chosen[i] - 1) === 0;
        sum += chosen[i];
        weighted += i * chosen[i];
    }
    sum === enabled;
    weighted === index;
}

// The steps of a segment, in order. Times are whole seconds since the epoch. A step begins no earlier than its
// predecessor ended and waits no longer than allowed; it ends no earlier than it began and lasts no longer than
// allowed. Because nothing ever goes back, the range checks on the first start and the last end hold for all.
// A place without a step has limits of zero in the specification: its start and end equal the last step's end.
template Steps(S) {
    var SPAN_BITS = 28;
    signal input therapy;
    signal input count;
    signal input maxTotal;
    signal input code[S];
    signal input maxDuration[S];
    signal input maxWait[S];
    signal input active[S];
    signal input salt[S];
    signal input start[S];
    signal input end[S];
    signal input document[S];
    signal output root;

    component firstBits = Num2Bits(32);
    firstBits.in <== start[0];
    component lastBits = Num2Bits(32);
    lastBits.in <== end[S - 1];
    component total = AtMost(32);
    total.value <== end[S - 1] - start[0];
    total.limit <== maxTotal;

    component duration[S];
    component wait[S];
    component leaf[S];
    component all = HashMany(S + 1, 2);
    var steps = 0;
    for (var i = 0; i < S; i++) {
        active[i] * (active[i] - 1) === 0;
        if (i == 0) {
            active[0] === 1;
        } else {
            active[i] * (1 - active[i - 1]) === 0;
        }
        steps += active[i];

        duration[i] = AtMost(SPAN_BITS);
        duration[i].value <== end[i] - start[i];
        duration[i].limit <== maxDuration[i];
        if (i > 0) {
            wait[i] = AtMost(SPAN_BITS);
            wait[i].value <== start[i] - end[i - 1];
            wait[i].limit <== maxWait[i];
        }

        leaf[i] = Poseidon(7);
        leaf[i].inputs[0] <== 2000;
        leaf[i].inputs[1] <== salt[i];
        leaf[i].inputs[2] <== therapy;
        leaf[i].inputs[3] <== code[i];
        leaf[i].inputs[4] <== start[i];
        leaf[i].inputs[5] <== end[i];
        leaf[i].inputs[6] <== document[i];
        all.in[1 + i] <== active[i] * leaf[i].out;
    }
    steps === count;
    all.in[0] <== count;
    root <== all.out;
}

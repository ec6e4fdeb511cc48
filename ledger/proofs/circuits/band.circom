pragma circom 2.1.6;

include "bitify.circom";

// A band [lo, hi] prepared once and used by every value that has to lie in it.
//
// The weights are W non-negative 16-bit integers which sum to hi - lo. A subset of them sums to a number in
// [0, hi - lo] whatever the prover chose (soundness); halving what is left makes the subsets reach every number
// of that range as long as hi - lo < 2^W (completeness). So a value costs one constraint a bit, for both sides.
template Band(W) {
    signal input lo;
    signal input hi;
    signal output weight[W];

    component loBits = Num2Bits(16);
    loBits.in <== lo;
    component hiBits = Num2Bits(16);
    hiBits.in <== hi;

    component weightBits[W];
    var left = hi - lo;
    var sum = 0;
    for (var i = 0; i < W; i++) {
        var half = (left + 1) \ 2;
        weight[i] <-- (i == W - 1) ? left : half;
        left = left - half;
        weightBits[i] = Num2Bits(16);
        weightBits[i].in <== weight[i];
        sum += weight[i];
    }
    // Both sides are below 2^20, so lo > hi (a huge field element) has no weights.
    sum === hi - lo;
}

// value - lo is the sum of a subset of the weights.
template InBand(W) {
    signal input value;
    signal input lo;
    signal input weight[W];
    signal part[W];

    var left = value - lo;
    var sum = 0;
    for (var i = 0; i < W; i++) {
        part[i] <-- (left >= weight[i]) ? weight[i] : 0;
        left = left - part[i];
        part[i] * (part[i] - weight[i]) === 0;
        sum += part[i];
    }
    sum === value - lo;
}

// 0 <= value <= limit, each below 2^BITS; `limit` is known to be below 2^BITS (it comes from the specification).
template AtMost(BITS) {
    signal input value;
    signal input limit;
    component above = Num2Bits(BITS);
    above.in <== value;
    component below = Num2Bits(BITS);
    below.in <== limit - value;
}

pragma circom 2.1.6;

include "poseidon.circom";
include "bitify.circom";
include "./band.circom";

// The readings of one transport leg: each in its bands, gaps bounded, all of them in one commitment.
//
// Words are 48 bits (gap 16, temperature 16, tilt 16): five a field element, fifteen elements a Poseidon(16),
// which makes 75 readings a block. Bands keep each value below 2^16, so packing is injective.
// A gap of at least one second makes "strictly later" and "no silence" one and the same range check.
// With required = 0 no reading is active, every band is [0, 0] and the root is 0.
template Readings(BLOCKS) {
    var N = BLOCKS * 75;
    var TEMPERATURE_BITS = 13;
    var TILT_BITS = 8;
    var GAP_BITS = 12;

    signal input required;
    signal input therapy;
    signal input salt;
    signal input deviceX;
    signal input start;
    signal input temperatureLo;
    signal input temperatureHi;
    signal input tiltHi;
    signal input maxGap;
    signal input temperature[N];
    signal input tilt[N];
    signal input gap[N];
    signal input active[N];
    signal output inner;
    signal output root;
    signal output first;
    signal output last;

    component startBits = Num2Bits(32);
    startBits.in <== start;

    component temperatureBand = Band(TEMPERATURE_BITS);
    temperatureBand.lo <== temperatureLo;
    temperatureBand.hi <== temperatureHi;
    component tiltBand = Band(TILT_BITS);
    tiltBand.lo <== 0;
    tiltBand.hi <== tiltHi;
    component gapBand = Band(GAP_BITS);
    gapBand.lo <== required;
    gapBand.hi <== maxGap;

    component temperatureIn[N];
    component tiltIn[N];
    component gapIn[N];
    signal word[N];
    signal activeGap[N];
    var elapsed = 0;
    var count = 0;
    for (var j = 0; j < N; j++) {
        temperatureIn[j] = InBand(TEMPERATURE_BITS);
        temperatureIn[j].value <== temperature[j];
        temperatureIn[j].lo <== temperatureLo;
        for (var i = 0; i < TEMPERATURE_BITS; i++) temperatureIn[j].weight[i] <== temperatureBand.weight[i];
        tiltIn[j] = InBand(TILT_BITS);
        tiltIn[j].value <== tilt[j];
        tiltIn[j].lo <== 0;
        for (var i = 0; i < TILT_BITS; i++) tiltIn[j].weight[i] <== tiltBand.weight[i];
        gapIn[j] = InBand(GAP_BITS);
        gapIn[j].value <== gap[j];
        gapIn[j].lo <== required;
        for (var i = 0; i < GAP_BITS; i++) gapIn[j].weight[i] <== gapBand.weight[i];

        // Padding is a tail: once inactive, inactive for good.
        active[j] * (active[j] - 1) === 0;
        if (j == 0) {
            active[0] === required;
        } else {
            active[j] * (1 - active[j - 1]) === 0;
        }
        word[j] <== active[j] * (gap[j] + 65536 * temperature[j] + 4294967296 * tilt[j]);
        activeGap[j] <== active[j] * gap[j];
        elapsed += activeGap[j];
        count += active[j];
    }
    first <== start + activeGap[0];
    last <== start + elapsed;

    component iv = Poseidon(5);
    iv.inputs[0] <== 1000;
    iv.inputs[1] <== salt;
    iv.inputs[2] <== therapy;
    iv.inputs[3] <== start;
    iv.inputs[4] <== deviceX;

    component block[BLOCKS];
    signal state[BLOCKS + 1];
    state[0] <== iv.out;
    for (var b = 0; b < BLOCKS; b++) {
        block[b] = Poseidon(16);
        block[b].inputs[0] <== state[b];
        for (var e = 0; e < 15; e++) {
            var packed = 0;
            for (var k = 0; k < 5; k++) packed += word[75 * b + 5 * e + k] * (1 << (48 * k));
            block[b].inputs[1 + e] <== packed;
        }
        // A block of padding leaves the state alone, so the root does not depend on the capacity class.
        state[b + 1] <== state[b] + active[75 * b] * (block[b].out - state[b]);
    }
    component seal = Poseidon(3);
    seal.inputs[0] <== 1001;
    seal.inputs[1] <== state[BLOCKS];
    seal.inputs[2] <== count;
    inner <== seal.out;
    root <== required * seal.out;
}

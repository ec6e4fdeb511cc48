pragma circom 2.1.6;

include "poseidon.circom";
include "bitify.circom";
include "./band.circom";

// The readings of one transport leg: each in its bands, gaps bounded, time outside the band summed, all of them in
// one commitment.
//
// Words are 48 bits (gap 16, temperature 16, tilt 8, shock 8): five a field element, fifteen elements a Poseidon(16),
// which makes 75 readings a block. Bands keep each value within its bits, so packing is injective.
// The last block is filled with its last reading again, a gap of zero after it: such places say nothing new, so only
// whole blocks are switched on and off. With required = 0 no block is active, every band is [0, 0] and the root is 0.
//
// A reading outside the band is brought into it by one shift, which is the whole way from the band to its hard limit:
// that reaches every temperature between the two as long as the way is no longer than the band is wide (plus one), and
// none beyond. All shifts of a leg go the same way, so one private bit says whether it was too warm or too cold.
template Readings(BLOCKS) {
    var N = BLOCKS * 75;
    var TEMPERATURE_BITS = 13;
    var TILT_BITS = 7;
    var SHOCK_BITS = 6;
    var GAP_BITS = 11;
    var COUNT_BITS = 15;

    signal input required;
    signal input therapy;
    signal input salt;
    signal input deviceX;
    signal input start;
    signal input count;
    signal input temperatureLo;
    signal input temperatureHi;
    signal input hardLo;
    signal input hardHi;
    signal input tiltHi;
    signal input shockHi;
    signal input maxGap;
    signal input tooWarm;
    signal input temperature[N];
    signal input tilt[N];
    signal input shock[N];
    signal input gap[N];
    signal input active[BLOCKS];
    signal output inner;
    signal output root;
    signal output last;
    signal output reach;
    signal output firstShift;
    signal output lastShift;
    signal output shiftedTime;

    component startBits = Num2Bits(32);
    startBits.in <== start;

    component temperatureBand = Band(TEMPERATURE_BITS);
    temperatureBand.lo <== temperatureLo;
    temperatureBand.hi <== temperatureHi;
    component tiltBand = Band(TILT_BITS);
    tiltBand.lo <== 0;
    tiltBand.hi <== tiltHi;
    component shockBand = Band(SHOCK_BITS);
    shockBand.lo <== 0;
    shockBand.hi <== shockHi;
    component gapBand = Band(GAP_BITS);
    gapBand.lo <== 0;
    gapBand.hi <== maxGap;

    // From the band up to the upper hard limit, or down to the lower one.
    tooWarm * (tooWarm - 1) === 0;
    reach <== tooWarm * (hardHi - temperatureHi + temperatureLo - hardLo) - (temperatureLo - hardLo);

    component temperatureIn[N];
    component tiltIn[N];
    component shockIn[N];
    component gapIn[N];
    signal shift[N];
    signal between[N];
    gap[0] === 0;
    for (var j = 0; j < N; j++) {
        shift[j] <-- (temperature[j] < temperatureLo || temperature[j] > temperatureHi) ? reach : 0;
        shift[j] * (shift[j] - reach) === 0;
        temperatureIn[j] = InBand(TEMPERATURE_BITS);
        temperatureIn[j].value <== temperature[j] - shift[j];
        temperatureIn[j].lo <== temperatureLo;
        for (var i = 0; i < TEMPERATURE_BITS; i++) temperatureIn[j].weight[i] <== temperatureBand.weight[i];
        tiltIn[j] = InBand(TILT_BITS);
        tiltIn[j].value <== tilt[j];
        tiltIn[j].lo <== 0;
        for (var i = 0; i < TILT_BITS; i++) tiltIn[j].weight[i] <== tiltBand.weight[i];
        shockIn[j] = InBand(SHOCK_BITS);
        shockIn[j].value <== shock[j];
        shockIn[j].lo <== 0;
        for (var i = 0; i < SHOCK_BITS; i++) shockIn[j].weight[i] <== shockBand.weight[i];
        gapIn[j] = InBand(GAP_BITS);
        gapIn[j].value <== gap[j];
        gapIn[j].lo <== 0;
        for (var i = 0; i < GAP_BITS; i++) gapIn[j].weight[i] <== gapBand.weight[i];

        // The time between two readings counts once for each of them that is outside, so in half seconds.
        if (j == 0) {
            between[0] <== 0;
        } else {
            between[j] <== gap[j] * (shift[j] + shift[j - 1]);
        }
    }

    component iv = Poseidon(5);
    iv.inputs[0] <== 1100;
    iv.inputs[1] <== salt;
    iv.inputs[2] <== therapy;
    iv.inputs[3] <== start;
    iv.inputs[4] <== deviceX;

    component block[BLOCKS];
    signal state[BLOCKS + 1];
    signal activeTime[BLOCKS];
    signal activeShifts[BLOCKS];
    signal endShift[BLOCKS];
    state[0] <== iv.out;
    var elapsed = 0;
    var shifts = 0;
    var ends = 0;
    var blocks = 0;
    for (var b = 0; b < BLOCKS; b++) {
        // Padding is a tail: once inactive, inactive for good.
        active[b] * (active[b] - 1) === 0;
        if (b == 0) {
            active[0] === required;
        } else {
            active[b] * (1 - active[b - 1]) === 0;
        }
        blocks += active[b];
        var gaps = 0;
        var turns = 0;
        block[b] = Poseidon(16);
        block[b].inputs[0] <== state[b];
        for (var e = 0; e < 15; e++) {
            var packed = 0;
            for (var k = 0; k < 5; k++) {
                var j = 75 * b + 5 * e + k;
                packed += (gap[j] + 65536 * temperature[j] + 4294967296 * tilt[j] + 1099511627776 * shock[j]) * (1 << (48 * k));
                gaps += gap[j];
                turns += between[j];
            }
            block[b].inputs[1 + e] <== packed;
        }
        // A block of padding leaves the state alone, so the root does not depend on the capacity class.
        state[b + 1] <== state[b] + active[b] * (block[b].out - state[b]);
        activeTime[b] <== active[b] * gaps;
        activeShifts[b] <== active[b] * turns;
        elapsed += activeTime[b];
        shifts += activeShifts[b];
        if (b == BLOCKS - 1) {
            endShift[b] <== active[b] * shift[75 * b + 74];
        } else {
            endShift[b] <== (active[b] - active[b + 1]) * shift[75 * b + 74];
        }
        ends += endShift[b];
    }
    last <== start + elapsed;
    firstShift <== required * shift[0];
    lastShift <== ends;
    shiftedTime <== shifts;

    // The number of readings belongs to the number of blocks.
    component countBits = Num2Bits(COUNT_BITS);
    countBits.in <== count;
    component filled = AtMost(7);
    filled.value <== 75 * blocks - count;
    filled.limit <== 74 * required;

    component seal = Poseidon(3);
    seal.inputs[0] <== 1101;
    seal.inputs[1] <== state[BLOCKS];
    seal.inputs[2] <== count;
    inner <== seal.out;
    root <== required * seal.out;
}

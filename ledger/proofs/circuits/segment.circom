pragma circom 2.1.6;

include "bitify.circom";
include "./band.circom";
include "./hashing.circom";
include "./readings.circom";
include "./device.circom";
include "./steps.circom";
include "./releases.circom";

// One segment of a therapy followed its specification. docs/explanation/proof-statement.md says what that means,
// and ledger/proofs/statement.py holds the same rules in plain Python; the two change together.
//
// The specification is private input bound by the public specHash, which a verifier computes from the approved
// protocol: that is why limits need no range check here, they are what the verifier wrote down.
template Segment(BLOCKS, S, R, DEPTH) {
    var N = BLOCKS * 75;
    var GAP_BITS = 11;
    var TIME_BITS = 28;
    var HEAD = 15;
    var L = HEAD + 2 * S + 3 * R;

    signal input therapy;
    signal input specHash;
    signal input readingsRoot;
    signal input stepsRoot;
    signal input releaseRoot;
    signal input deviceRegistry;

    // required, temperature low and high, hard low and high, budget outside, tilt high, shock high, longest gap, ship
    // step, receive step, number of tests, span from step, to step, longest span; then (code, rules) a step, (code,
    // low, high) a test.
    signal input spec[L];

    signal input readingsSalt;
    signal input readingsStart;
    signal input readingsCount;
    signal input temperature[N];
    signal input tilt[N];
    signal input shock[N];
    signal input gap[N];
    signal input blockActive[BLOCKS];
    signal input tooWarm;
    signal input head;
    signal input tail;
    signal input outsideHalves;

    signal input deviceX;
    signal input deviceY;
    signal input signatureX;
    signal input signatureY;
    signal input signatureS;
    signal input registrySibling[DEPTH];
    signal input registrySide[DEPTH];

    signal input begin;
    signal input stepActive[S];
    signal input stepSalt[S];
    signal input stepStart[S];
    signal input stepEnd[S];
    signal input stepDocument[S];
    signal input stepPerformer[S];
    signal input stepVerifier[S];

    signal input testActive[R];
    signal input testSalt[R];
    signal input testValue[R];

    component specification = HashMany(L, 1);
    for (var i = 0; i < L; i++) specification.in[i] <== spec[i];
    specification.out === specHash;

    signal required <== spec[0];
    required * (required - 1) === 0;

    component readings = Readings(BLOCKS);
    readings.required <== required;
    readings.therapy <== therapy;
    readings.salt <== readingsSalt;
    readings.deviceX <== deviceX;
    readings.start <== readingsStart;
    readings.count <== readingsCount;
    readings.temperatureLo <== spec[1];
    readings.temperatureHi <== spec[2];
    readings.hardLo <== spec[3];
    readings.hardHi <== spec[4];
    readings.tiltHi <== spec[6];
    readings.shockHi <== spec[7];
    readings.maxGap <== spec[8];
    readings.tooWarm <== tooWarm;
    for (var j = 0; j < N; j++) {
        readings.temperature[j] <== temperature[j];
        readings.tilt[j] <== tilt[j];
        readings.shock[j] <== shock[j];
        readings.gap[j] <== gap[j];
    }
    for (var b = 0; b < BLOCKS; b++) readings.active[b] <== blockActive[b];
    readings.root === readingsRoot;

    component device = RegisteredDevice(DEPTH);
    device.enabled <== required;
    device.message <== readings.inner;
    device.x <== deviceX;
    device.y <== deviceY;
    device.r8x <== signatureX;
    device.r8y <== signatureY;
    device.s <== signatureS;
    for (var i = 0; i < DEPTH; i++) {
        device.sibling[i] <== registrySibling[i];
        device.side[i] <== registrySide[i];
    }
    device.registry === deviceRegistry;

    component steps = Steps(S);
    steps.therapy <== therapy;
    steps.begin <== begin;
    steps.spanFrom <== spec[12];
    steps.spanTo <== spec[13];
    steps.maxSpan <== spec[14];
    for (var i = 0; i < S; i++) {
        steps.code[i] <== spec[HEAD + 2 * i];
        steps.rules[i] <== spec[HEAD + 2 * i + 1];
        steps.active[i] <== stepActive[i];
        steps.salt[i] <== stepSalt[i];
        steps.start[i] <== stepStart[i];
        steps.end[i] <== stepEnd[i];
        steps.document[i] <== stepDocument[i];
        steps.performer[i] <== stepPerformer[i];
        steps.verifier[i] <== stepVerifier[i];
    }
    steps.root === stepsRoot;

    component releases = Releases(R);
    releases.therapy <== therapy;
    releases.count <== spec[11];
    for (var i = 0; i < R; i++) {
        releases.code[i] <== spec[HEAD + 2 * S + 3 * i];
        releases.lo[i] <== spec[HEAD + 2 * S + 3 * i + 1];
        releases.hi[i] <== spec[HEAD + 2 * S + 3 * i + 2];
        releases.active[i] <== testActive[i];
        releases.salt[i] <== testSalt[i];
        releases.value[i] <== testValue[i];
    }
    releases.root === releaseRoot;

    // The log runs from shipment to receipt: without this a single reading would satisfy "no gaps". `head` is at least
    // the time from shipment to the first reading, `tail` that from the last reading to receipt.
    component ship = Pick(S);
    ship.enabled <== required;
    ship.index <== spec[9];
    component receive = Pick(S);
    receive.enabled <== required;
    receive.index <== spec[10];
    for (var i = 0; i < S; i++) {
        ship.value[i] <== stepEnd[i];
        receive.value[i] <== stepEnd[i];
    }
    component headLimit = AtMost(GAP_BITS);
    headLimit.value <== head;
    headLimit.limit <== spec[8];
    component tailLimit = AtMost(GAP_BITS);
    tailLimit.value <== tail;
    tailLimit.limit <== spec[8];
    component coversShipment = Num2Bits(33);
    coversShipment.in <== ship.out + head - readingsStart;
    component coversReceipt = Num2Bits(33);
    coversReceipt.in <== readings.last + tail - receive.out;

    // Time outside the band, in half seconds: before the first and after the last reading that reading answers alone.
    signal headShift <== head * readings.firstShift;
    signal tailShift <== tail * readings.lastShift;
    outsideHalves * readings.reach === readings.shiftedTime + 2 * headShift + 2 * tailShift;
    component budget = AtMost(TIME_BITS);
    budget.value <== outsideHalves;
    budget.limit <== 2 * spec[5];
}

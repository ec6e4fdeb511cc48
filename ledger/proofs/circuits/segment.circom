pragma circom 2.1.6;

include "bitify.circom";
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
    var HEAD = 10;
    var L = HEAD + 3 * S + 3 * R;

    signal input therapy;
    signal input specHash;
    signal input readingsRoot;
    signal input stepsRoot;
    signal input releaseRoot;
    signal input deviceRegistry;

    // required, temperature low and high, tilt high, longest gap, ship step, receive step, number of steps,
    // number of tests, longest total; then (code, longest duration, longest wait) a step, (code, low, high) a test.
    signal input spec[L];

    signal input readingsSalt;
    signal input readingsStart;
    signal input temperature[N];
    signal input tilt[N];
    signal input gap[N];
    signal input active[N];

    signal input deviceX;
    signal input deviceY;
    signal input signatureX;
    signal input signatureY;
    signal input signatureS;
    signal input registrySibling[DEPTH];
    signal input registrySide[DEPTH];

    signal input stepActive[S];
    signal input stepSalt[S];
    signal input stepStart[S];
    signal input stepEnd[S];
    signal input stepDocument[S];
    signal input shipAt[S];
    signal input receiveAt[S];

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
    readings.temperatureLo <== spec[1];
    readings.temperatureHi <== spec[2];
    readings.tiltHi <== spec[3];
    readings.maxGap <== spec[4];
    for (var j = 0; j < N; j++) {
        readings.temperature[j] <== temperature[j];
        readings.tilt[j] <== tilt[j];
        readings.gap[j] <== gap[j];
        readings.active[j] <== active[j];
    }
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
    steps.count <== spec[7];
    steps.maxTotal <== spec[9];
    for (var i = 0; i < S; i++) {
        steps.code[i] <== spec[HEAD + 3 * i];
        steps.maxDuration[i] <== spec[HEAD + 3 * i + 1];
        steps.maxWait[i] <== spec[HEAD + 3 * i + 2];
        steps.active[i] <== stepActive[i];
        steps.salt[i] <== stepSalt[i];
        steps.start[i] <== stepStart[i];
        steps.end[i] <== stepEnd[i];
        steps.document[i] <== stepDocument[i];
    }
    steps.root === stepsRoot;

    component releases = Releases(R);
    releases.therapy <== therapy;
    releases.count <== spec[8];
    for (var i = 0; i < R; i++) {
        releases.code[i] <== spec[HEAD + 3 * S + 3 * i];
        releases.lo[i] <== spec[HEAD + 3 * S + 3 * i + 1];
        releases.hi[i] <== spec[HEAD + 3 * S + 3 * i + 2];
        releases.active[i] <== testActive[i];
        releases.salt[i] <== testSalt[i];
        releases.value[i] <== testValue[i];
    }
    releases.root === releaseRoot;

    // The log runs from shipment to receipt: without this a single reading would satisfy "no gaps".
    component ship = OneHot(S);
    ship.enabled <== required;
    ship.index <== spec[5];
    component receive = OneHot(S);
    receive.enabled <== required;
    receive.index <== spec[6];
    signal shipPart[S];
    signal receivePart[S];
    var shippedAt = 0;
    var receivedAt = 0;
    for (var i = 0; i < S; i++) {
        ship.chosen[i] <== shipAt[i];
        receive.chosen[i] <== receiveAt[i];
        shipAt[i] * (1 - stepActive[i]) === 0;
        receiveAt[i] * (1 - stepActive[i]) === 0;
        shipPart[i] <== shipAt[i] * stepStart[i];
        receivePart[i] <== receiveAt[i] * stepEnd[i];
        shippedAt += shipPart[i];
        receivedAt += receivePart[i];
    }
    component coversShipment = Num2Bits(33);
    coversShipment.in <== shippedAt + spec[4] - readings.first;
    component coversReceipt = Num2Bits(33);
    coversReceipt.in <== readings.last + spec[4] - receivedAt;
}

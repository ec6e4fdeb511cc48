pragma circom 2.1.6;

include "poseidon.circom";
include "bitify.circom";
include "./band.circom";
include "./hashing.circom";

// Which of S places `index` names: exactly one when `enabled`, none otherwise.
template OneHot(S) {
    signal input enabled;
    signal input index;
    signal output chosen[S];
    var sum = 0;
    var weighted = 0;
    for (var i = 0; i < S; i++) {
        chosen[i] <-- (enabled == 1 && index == i) ? 1 : 0;
        chosen[i] * (chosen[i] - 1) === 0;
        sum += chosen[i];
        weighted += i * chosen[i];
    }
    sum === enabled;
    weighted === index;
}

// The one of S values that `index` names; 0 when not enabled.
template Pick(S) {
    signal input enabled;
    signal input index;
    signal input value[S];
    signal output out;
    component place = OneHot(S);
    place.enabled <== enabled;
    place.index <== index;
    signal part[S];
    var sum = 0;
    for (var i = 0; i < S; i++) {
        part[i] <== place.chosen[i] * value[i];
        sum += part[i];
    }
    out <== sum;
}

// One step: after both of its predecessors, not too long after the later of them, not too long itself, and signed by
// two people where that is asked. A step that is left out must be optional; time stands still in it, so that what
// comes after it waits for what came before it.
template Step(PLACES) {
    var SPAN_BITS = 27;
    signal input therapy;
    signal input code;
    signal input rules;
    // Ends of what may come before: place 0 is the beginning, place k the k-th step.
    signal input ended[PLACES];
    signal input active;
    signal input salt;
    signal input start;
    signal input end;
    signal input document;
    signal input performer;
    signal input verifier;
    signal output leaf;

    // longest duration 32, longest wait 32, two predecessors 8 each, optional 1, two people 1. Each part is bounded
    // below, so `rules` has one reading.
    signal maxDuration <-- rules & 4294967295;
    signal maxWait <-- (rules >> 32) & 4294967295;
    signal first <-- (rules >> 64) & 255;
    signal second <-- (rules >> 72) & 255;
    signal optional <-- (rules >> 80) & 1;
    signal paired <-- (rules >> 81) & 1;
    maxDuration + 4294967296 * maxWait + (1 << 64) * first + (1 << 72) * second + (1 << 80) * optional + (1 << 81) * paired === rules;
    optional * (optional - 1) === 0;
    paired * (paired - 1) === 0;

    active * (active - 1) === 0;
    (1 - active) * (1 - optional) === 0;

    component before[2];
    component after[2];
    for (var i = 0; i < 2; i++) {
        before[i] = Pick(PLACES);
        before[i].enabled <== 1;
        before[i].index <== i == 0 ? first : second;
        for (var k = 0; k < PLACES; k++) before[i].value[k] <== ended[k];
        after[i] = Num2Bits(SPAN_BITS);
        after[i].in <== start - before[i].out;
    }
    // Naming the earlier predecessor would make the wait longer, never shorter.
    signal later <-- (start - before[1].out < start - before[0].out) ? 1 : 0;
    later * (later - 1) === 0;
    signal ready <== before[0].out + later * (before[1].out - before[0].out);
    component waited = Num2Bits(SPAN_BITS);
    waited.in <== maxWait - (start - ready);
    component lasted = AtMost(SPAN_BITS);
    lasted.value <== end - start;
    lasted.limit <== maxDuration;
    (1 - active) * (start - ready) === 0;
    (1 - active) * (end - start) === 0;

    // Somebody verified, and it was not the one who performed: both factors have an inverse.
    signal twoPeople <== active * paired;
    signal apart <== verifier * (performer - verifier);
    signal inverse <-- (twoPeople == 1 && apart != 0) ? 1 / apart : 0;
    apart * inverse === twoPeople;

    component hash = Poseidon(9);
    hash.inputs[0] <== 2100;
    hash.inputs[1] <== salt;
    hash.inputs[2] <== therapy;
    hash.inputs[3] <== code;
    hash.inputs[4] <== start;
    hash.inputs[5] <== end;
    hash.inputs[6] <== document;
    hash.inputs[7] <== performer;
    hash.inputs[8] <== verifier;
    leaf <== active * hash.out;
}

// The steps of a segment: a graph, written in an order in which every predecessor stands before its step. Times are
// whole seconds since the epoch. Nothing begins before `begin`, and nothing goes back, so that its range check holds
// for all; a place without a step is an optional one that was left out.
template Steps(S) {
    signal input therapy;
    signal input begin;
    signal input spanFrom;
    signal input spanTo;
    signal input maxSpan;
    signal input code[S];
    signal input rules[S];
    signal input active[S];
    signal input salt[S];
    signal input start[S];
    signal input end[S];
    signal input document[S];
    signal input performer[S];
    signal input verifier[S];
    signal output root;

    component beginBits = Num2Bits(32);
    beginBits.in <== begin;

    component step[S];
    component all = HashMany(S, 2);
    for (var i = 0; i < S; i++) {
        step[i] = Step(i + 1);
        step[i].therapy <== therapy;
        step[i].code <== code[i];
        step[i].rules <== rules[i];
        step[i].active <== active[i];
        step[i].salt <== salt[i];
        step[i].start <== start[i];
        step[i].end <== end[i];
        step[i].document <== document[i];
        step[i].performer <== performer[i];
        step[i].verifier <== verifier[i];
        step[i].ended[0] <== begin;
        for (var k = 1; k <= i; k++) step[i].ended[k] <== end[k - 1];
        all.in[i] <== step[i].leaf;
    }
    root <== all.out;

    // From the start of one step to the end of another: vein to vein.
    component from = Pick(S);
    from.enabled <== 1;
    from.index <== spanFrom;
    component to = Pick(S);
    to.enabled <== 1;
    to.index <== spanTo;
    for (var i = 0; i < S; i++) {
        from.value[i] <== start[i];
        to.value[i] <== end[i];
    }
    component span = AtMost(32);
    span.value <== to.out - from.out;
    span.limit <== maxSpan;
}

pragma circom 2.1.6;

include "babyjub.circom";
include "eddsaposeidon.circom";
include "poseidon.circom";
include "switcher.circom";

// A device of the registry signed the message: EdDSA over BabyJubJub with Poseidon, and a path in a fixed-depth
// Merkle tree whose leaves are Poseidon(4000, x, y). Both points are checked to lie on the curve, which circomlib's
// verifier takes for granted. S below the subgroup order is checked by circomlib when `enabled`.
template RegisteredDevice(DEPTH) {
    signal input enabled;
    signal input message;
    signal input x;
    signal input y;
    signal input r8x;
    signal input r8y;
    signal input s;
    signal input sibling[DEPTH];
    signal input side[DEPTH];
    signal output registry;

    component keyOnCurve = BabyCheck();
    keyOnCurve.x <== x;
    keyOnCurve.y <== y;
    component nonceOnCurve = BabyCheck();
    nonceOnCurve.x <== r8x;
    nonceOnCurve.y <== r8y;

    component signature = EdDSAPoseidonVerifier();
    signature.enabled <== enabled;
    signature.Ax <== x;
    signature.Ay <== y;
    signature.R8x <== r8x;
    signature.R8y <== r8y;
    signature.S <== s;
    signature.M <== message;

    component leaf = Poseidon(3);
    leaf.inputs[0] <== 4000;
    leaf.inputs[1] <== x;
    leaf.inputs[2] <== y;
    component order[DEPTH];
    component node[DEPTH];
    for (var i = 0; i < DEPTH; i++) {
        side[i] * (side[i] - 1) === 0;
        order[i] = Switcher();
        order[i].sel <== side[i];
        if (i == 0) {
            order[i].L <== leaf.out;
        } else {
            order[i].L <== node[i - 1].out;
        }
        order[i].R <== sibling[i];
        node[i] = Poseidon(2);
        node[i].inputs[0] <== order[i].outL;
        node[i].inputs[1] <== order[i].outR;
    }
    registry <== enabled * node[DEPTH - 1].out;
}

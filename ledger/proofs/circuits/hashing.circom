pragma circom 2.1.6;

include "poseidon.circom";

// Hash of exactly L field elements: Merkle-Damgard over Poseidon(16), fifteen elements a block, the last block
// filled with zeros. The first chaining value names version, domain and length, so that no two uses can collide.
template HashMany(L, DOMAIN) {
    var VERSION = 2;
    var NB = (L + 14) \ 15;
    signal input in[L];
    signal output out;

    component block[NB];
    for (var b = 0; b < NB; b++) {
        block[b] = Poseidon(16);
        if (b == 0) {
            block[b].inputs[0] <== (VERSION * 65536 + DOMAIN) * 4294967296 + L;
        } else {
            block[b].inputs[0] <== block[b - 1].out;
        }
        for (var i = 0; i < 15; i++) {
            if (15 * b + i < L) {
                block[b].inputs[1 + i] <== in[15 * b + i];
            } else {
                block[b].inputs[1 + i] <== 0;
            }
        }
    }
    out <== block[NB - 1].out;
}

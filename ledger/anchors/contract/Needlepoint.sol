// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Checkpoints of transparency logs, anchored by a consortium's members, each for itself.
///
/// A log is named by the SHA-256 of its origin (C2SP tlog-checkpoint); a root is the RFC 6962 root of that many leaves.
/// Only digests are here: no record, no name, no person. The first root that any member anchors for a size stands for
/// ever. Another root for the same size is never taken: it is said to everybody as a `Divergence`, and the log counts
/// as diverged from then on. A size below the largest one that has no root yet cannot be told from a rewrite, and is
/// refused.
///
/// Compliance proofs (Groth16 over BN254) are verified here under keys that more than half of the members voted for. A
/// segment of a therapy (the therapy's pseudonym and the hash of its specification: the first two public inputs) counts
/// as proven once, whoever says so again, and in whatever bytes: a re-randomised proof proves the same statement. A
/// valid proof of other facts about a proven segment changes nothing, and is said to everybody as `Contradicted`.
///
/// Members admit and dismiss members and keys by more than half of them: nobody owns this contract, and nothing in it
/// can be changed or stopped.
contract Needlepoint {
    struct Anchor {
        bytes32 root;
        uint64 anchoredAt;
        address by;
    }

    event Anchored(bytes32 indexed log, uint64 indexed size, bytes32 root, address indexed by);
    event Confirmed(bytes32 indexed log, uint64 indexed size, bytes32 root, address indexed by);
    event Divergence(bytes32 indexed log, uint64 indexed size, bytes32 stands, bytes32 said, address indexed by);
    event Voted(address indexed about, bool admit, address indexed by, uint32 votes);
    event Membership(address indexed member, bool admitted);
    event KeyVoted(bytes32 indexed key, bool admit, address indexed by, uint32 votes);
    event Key(bytes32 indexed key, bool admitted);
    /// `statement` is the identity that the ledger gives what was proven: SHA-256 over key and public inputs.
    event Complied(
        bytes32 indexed statement, uint256 indexed therapy, uint256 indexed specHash, bytes32 key, address by
    );
    event Contradicted(
        bytes32 indexed statement, uint256 indexed therapy, uint256 indexed specHash, bytes32 stands, address by
    );

    error NotAMember(address who);
    error NoRoot();
    error NotGrowing(uint64 latest, uint64 size);
    error NothingToVoteOn(address about, bool admit);
    error VotedAlready(address about, bool admit);
    error NoMembers();
    error LastMember();
    error KeyVotedAlready(bytes32 key, bool admit);
    error NotAKey(bytes32 key);
    error UnknownKey(bytes32 key);
    error NotAFieldElement(uint256 place);
    error ProofDoesNotHold();
    error AlreadyProven(bytes32 statement);

    /// Order of BN254's groups, below which public inputs lie, and of the field in which coordinates lie.
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    /// Bounds above what the precompiled contracts cost (EIP-1108: 150, 6,000, 45,000 + 34,000 a pair). They take all
    /// that they are given when they refuse, so a false proof costs no more than this.
    uint256 private constant ADD_GAS = 1_000;
    uint256 private constant MUL_GAS = 10_000;
    uint256 private constant PAIR_GAS = 220_000;

    mapping(address => bool) public isMember;
    uint32 public members;
    mapping(bytes32 => mapping(uint64 => Anchor)) public anchorOf;
    mapping(bytes32 => uint64) public latestSize;
    mapping(bytes32 => bool) public diverged;

    /// Where a key lies, by its digest on the ledger: as the code of a contract that does nothing, since 28 words of
    /// code are read for a fraction of what 28 words of storage cost.
    mapping(bytes32 => address) public keyAt;
    /// The statement that stands for a segment; 0 while it is not proven. See `segmentOf`.
    mapping(bytes32 => bytes32) public statementFor;

    /// Votes are counted anew whenever something is decided, so that nobody's old vote tips a later decision.
    uint64 public round;
    mapping(bytes32 => uint32) private votes;
    mapping(bytes32 => mapping(address => bool)) private voted;

    modifier onlyMember() {
        if (!isMember[msg.sender]) revert NotAMember(msg.sender);
        _;
    }

    constructor(address[] memory first) {
        if (first.length == 0) revert NoMembers();
        for (uint256 i = 0; i < first.length; i++) {
            if (!isMember[first[i]]) {
                isMember[first[i]] = true;
                members += 1;
                emit Membership(first[i], true);
            }
        }
    }

    /// Say which root this member knows for that many leaves. Returns whether it is the one that stands.
    function anchor(bytes32 log, uint64 size, bytes32 root) external onlyMember returns (bool) {
        if (root == 0) revert NoRoot();
        Anchor storage known = anchorOf[log][size];
        if (known.root == root) {
            emit Confirmed(log, size, root, msg.sender);
            return true;
        }
        if (known.root != 0) {
            diverged[log] = true;
            emit Divergence(log, size, known.root, root, msg.sender);
            return false;
        }
        uint64 latest = latestSize[log];
        if (size <= latest) revert NotGrowing(latest, size);
        latestSize[log] = size;
        anchorOf[log][size] = Anchor(root, uint64(block.timestamp), msg.sender);
        emit Anchored(log, size, root, msg.sender);
        return true;
    }

    /// Vote to admit or dismiss. It is done as soon as more than half of the members have voted so.
    function vote(address about, bool admit) external onlyMember {
        if (isMember[about] == admit) revert NothingToVoteOn(about, admit);
        if (!admit && members == 1) revert LastMember();
        bytes32 motion = keccak256(abi.encode(round, about, admit));
        if (voted[motion][msg.sender]) revert VotedAlready(about, admit);
        uint32 counted = _count(motion);
        emit Voted(about, admit, msg.sender, counted);
        if (counted * 2 > members) {
            isMember[about] = admit;
            members = admit ? members + 1 : members - 1;
            round += 1;
            emit Membership(about, admit);
        }
    }

    /// Vote to verify proofs under this key: alpha, beta, gamma, delta and the seven points of the public inputs, in the
    /// order of EIP-197. `key` is its digest on the ledger, which nothing here can compute: who votes compares both.
    function voteKey(bytes32 key, uint256[28] calldata points) external onlyMember {
        if (keyAt[key] != address(0) || !_arePoints(points)) revert NotAKey(key);
        if (_decided(key, true, keccak256(abi.encode(points)))) {
            keyAt[key] = address(new Data(abi.encode(points)));
            emit Key(key, true);
        }
    }

    /// Vote to take no more proofs under this key. What was proven under it stands.
    function voteKeyOut(bytes32 key) external onlyMember {
        if (keyAt[key] == address(0)) revert UnknownKey(key);
        if (_decided(key, false, 0)) {
            delete keyAt[key];
            emit Key(key, false);
        }
    }

    /// Say a compliance proof: A, B, C in the order of EIP-197, and the six public inputs. Returns whether it is the
    /// statement that stands for its segment.
    function publish(bytes32 key, uint256[8] calldata proof, uint256[6] calldata inputs)
        external
        onlyMember
        returns (bool)
    {
        bytes32 statement = statementOf(key, inputs);
        bytes32 segment = segmentOf(inputs[0], inputs[1]);
        bytes32 stands = statementFor[segment];
        if (stands == statement) revert AlreadyProven(statement);
        if (!verify(key, proof, inputs)) revert ProofDoesNotHold();
        if (stands != 0) {
            emit Contradicted(statement, inputs[0], inputs[1], stands, msg.sender);
            return false;
        }
        statementFor[segment] = statement;
        emit Complied(statement, inputs[0], inputs[1], key, msg.sender);
        return true;
    }

    /// The name under which a segment counts as proven.
    function segmentOf(uint256 therapy, uint256 specHash) public pure returns (bytes32) {
        return keccak256(abi.encode(therapy, specHash));
    }

    /// The identity of what is proven, the same as on the ledger and for every re-randomised proof.
    function statementOf(bytes32 key, uint256[6] calldata inputs) public pure returns (bytes32) {
        return sha256(abi.encodePacked("needlepoint/proof/v1\n", key, inputs));
    }

    /// Whether e(A, B) = e(alpha, beta) e(sum of inputs, gamma) e(C, delta), by the precompiled contracts of EIP-196 and
    /// EIP-197. Those refuse coordinates that are not below the field's modulus, points that lie on no curve, and a B
    /// outside the subgroup; they take (0, 0) for the point at infinity, which is refused here, as by every verifier
    /// of ours. Reverts for a key that was not voted for and for a public input with a second spelling.
    function verify(bytes32 key, uint256[8] calldata proof, uint256[6] calldata inputs) public view returns (bool) {
        address held = keyAt[key];
        if (held == address(0)) revert UnknownKey(key);
        for (uint256 i = 0; i < 6; i++) {
            if (inputs[i] >= R) revert NotAFieldElement(i);
        }
        if (proof[0] | proof[1] == 0 || proof[6] | proof[7] == 0) return false;
        if (proof[2] | proof[3] | proof[4] | proof[5] == 0) return false;
        return _pairs(held, proof, inputs);
    }

    function _pairs(address held, uint256[8] calldata proof, uint256[6] calldata inputs)
        private
        view
        returns (bool holds)
    {
        assembly ("memory-safe") {
            let alpha := mload(0x40) // the key: alpha 2 words, beta 4, gamma 4, delta 4, seven points of 2
            extcodecopy(held, alpha, 1, 896)
            let ic := add(alpha, 448)
            let pairs := add(alpha, 896) // four pairs of 6 words
            let sum := add(pairs, 768) // a point, and room for the next point and its factor
            holds := 1
            mcopyTwo(sum, ic)
            for { let i := 0 } lt(i, 6) { i := add(i, 1) } {
                let x := calldataload(add(inputs, mul(i, 32)))
                if x {
                    mcopyTwo(add(sum, 64), add(ic, mul(add(i, 1), 64)))
                    mstore(add(sum, 128), x)
                    holds := and(holds, staticcall(MUL_GAS, 7, add(sum, 64), 96, add(sum, 64), 64))
                    holds := and(holds, staticcall(ADD_GAS, 6, sum, 128, sum, 64))
                }
            }
            // (-A, B): a y that is not below the modulus stays so, and is refused.
            mstore(pairs, calldataload(proof))
            mstore(add(pairs, 32), sub(Q, calldataload(add(proof, 32))))
            calldatacopy(add(pairs, 64), add(proof, 64), 128)
            mcopyTwo(add(pairs, 192), alpha) // (alpha, beta)
            mcopyTwo(add(pairs, 256), add(alpha, 64))
            mcopyTwo(add(pairs, 320), add(alpha, 128))
            mcopyTwo(add(pairs, 384), sum) // (sum, gamma)
            mcopyTwo(add(pairs, 448), add(alpha, 192))
            mcopyTwo(add(pairs, 512), add(alpha, 256))
            calldatacopy(add(pairs, 576), add(proof, 192), 64) // (C, delta)
            mcopyTwo(add(pairs, 640), add(alpha, 320))
            mcopyTwo(add(pairs, 704), add(alpha, 384))
            holds := and(holds, staticcall(PAIR_GAS, 8, pairs, 768, sum, 32))
            holds := and(holds, eq(mload(sum), 1))

            function mcopyTwo(to, from) {
                mstore(to, mload(from))
                mstore(add(to, 32), mload(add(from, 32)))
            }
        }
    }

    /// Whether every point of a key lies where it has to, and none is the point at infinity.
    function _arePoints(uint256[28] calldata points) private view returns (bool good) {
        uint256[2] memory sum;
        uint256[6] memory pair = [uint256(1), 2, 0, 0, 0, 0];
        good = true;
        for (uint256 i = 0; i < 28 && good; i += i == 0 || i > 13 ? 2 : 4) {
            bool second = i > 0 && i < 14;
            uint256 any = points[i] | points[i + 1];
            if (second) {
                any |= points[i + 2] | points[i + 3];
                for (uint256 k = 0; k < 4; k++) pair[2 + k] = points[i + k];
            }
            uint256 x = points[i];
            uint256 y = points[i + 1];
            assembly ("memory-safe") {
                switch second
                case 0 {
                    let room := mload(0x40)
                    mstore(room, x)
                    mstore(add(room, 32), y)
                    mstore(add(room, 64), 0)
                    mstore(add(room, 96), 0)
                    good := staticcall(ADD_GAS, 6, room, 128, sum, 64)
                }
                default { good := staticcall(PAIR_GAS, 8, pair, 192, sum, 32) }
            }
            good = good && any != 0;
        }
    }

    function _decided(bytes32 key, bool admit, bytes32 points) private returns (bool decided) {
        bytes32 motion = keccak256(abi.encode(round, key, admit, points));
        if (voted[motion][msg.sender]) revert KeyVotedAlready(key, admit);
        uint32 counted = _count(motion);
        emit KeyVoted(key, admit, msg.sender, counted);
        decided = counted * 2 > members;
        if (decided) round += 1;
    }

    function _count(bytes32 motion) private returns (uint32) {
        voted[motion][msg.sender] = true;
        votes[motion] += 1;
        return votes[motion];
    }
}

/// Bytes kept as code, behind an instruction that stops whoever calls them.
contract Data {
    constructor(bytes memory held) {
        bytes memory code = bytes.concat(hex"00", held);
        assembly ("memory-safe") {
            return(add(code, 32), mload(code))
        }
    }
}

// Reads a published log with Go's own checksum-database code: the note, the tree, a record's place, and growth.
//
//	verify FOLDER VKEY INDEX ENTRY
//
// The exit status is 0 when everything holds.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		// Go's paths begin with the tile height, which C2SP leaves out.
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), name))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func open(path, vkey string) tlog.Tree {
	text, err := os.ReadFile(path)
	check(err)
	verifier, err := note.NewVerifier(vkey)
	check(err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	where := folder(os.Args[1])
	tree := open(filepath.Join(string(where), "checkpoint"), os.Args[2])
	index, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	entry, err := os.ReadFile(os.Args[4])
	check(err)

	hashes := tlog.TileHashReader(tree, where)
	proof, err := tlog.ProveRecord(tree.N, index, hashes)
	check(err)
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))

	older := open(filepath.Join(string(where), "older"), os.Args[2])
	growth, err := tlog.ProveTree(tree.N, older.N, hashes)
	check(err)
	check(tlog.CheckTree(growth, tree.N, tree.Hash, older.N, older.Hash))
	fmt.Println("holds")
}

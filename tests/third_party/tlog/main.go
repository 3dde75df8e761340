// Reads a log over HTTP with Go's own transparency log packages and verifies all of it: the signature of the newest
// checkpoint, every hash tile against the root, the inclusion of every entry, and the consistency of every earlier checkpoint.
//
// Usage: tlog URL KEY-FILE TOKEN-FILE [EARLIER-CHECKPOINT-FILE ...]
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func check(err error, doing string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", doing, err)
		os.Exit(1)
	}
}

func read(path string) string {
	data, err := os.ReadFile(path)
	check(err, "read "+path)
	return strings.TrimSpace(string(data))
}

type server struct {
	url, token string
	fetched    int
}

func (s *server) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", s.url+"/log/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("%s answers %s", path, response.Status)
	}
	return body, err
}

// path of a tile in C2SP tlog-tiles, which leaves out the height that Go's own path has.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
}

// The methods of tlog.TileReader: TileHashReader verifies what ReadTiles gives before it calls SaveTiles.
func (s *server) Height() int { return height }

func (s *server) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := s.get(path(tile))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (s *server) SaveTiles(tiles []tlog.Tile, _ [][]byte) { s.fetched += len(tiles) }

// checkpoint verifies the signature and reads the C2SP lines: origin, size, root.
func checkpoint(text []byte, verifiers note.Verifiers) tlog.Tree {
	opened, err := note.Open(text, verifiers)
	check(err, "open a checkpoint")
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		check(fmt.Errorf("%q", opened.Text), "read a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "read the size")
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err, "read the root")
	tree := tlog.Tree{N: size}
	if copy(tree.Hash[:], root) != tlog.HashSize || len(root) != tlog.HashSize {
		check(fmt.Errorf("%d bytes", len(root)), "read the root")
	}
	return tree
}

// entries of one bundle: each with its length in two bytes, big-endian.
func entries(bundle []byte) [][]byte {
	var all [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			check(fmt.Errorf("it is cut off"), "read a bundle")
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		all = append(all, bundle[2:end])
		bundle = bundle[end:]
	}
	return all
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: tlog URL KEY-FILE TOKEN-FILE [EARLIER-CHECKPOINT-FILE ...]")
		os.Exit(2)
	}
	verifier, err := note.NewVerifier(read(os.Args[2]))
	check(err, "read the key")
	verifiers := note.VerifierList(verifier)
	log := &server{url: os.Args[1], token: read(os.Args[3])}
	text, err := log.get("checkpoint")
	check(err, "get the checkpoint")
	tree := checkpoint(text, verifiers)
	hashes := tlog.TileHashReader(tree, log)

	included := int64(0)
	for start := int64(0); start < tree.N; start += 1 << height {
		width := tree.N - start
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: start >> height, W: int(width)}
		bundle, err := log.get(strings.Replace(path(tile), "tile/data/", "tile/entries/", 1))
		check(err, "get a bundle")
		all := entries(bundle)
		if int64(len(all)) != width {
			check(fmt.Errorf("it has %d entries, not %d", len(all), width), "read a bundle")
		}
		for at, entry := range all {
			index := start + int64(at)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			check(err, "prove an entry")
			check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)), fmt.Sprintf("check entry %d", index))
			included++
		}
	}
	for _, file := range os.Args[4:] {
		older := checkpoint([]byte(read(file)+"\n"), verifiers)
		proof, err := tlog.ProveTree(tree.N, older.N, hashes)
		check(err, "prove a checkpoint")
		check(tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash), "check "+file)
	}
	fmt.Printf("%d entries included, %d earlier checkpoints consistent, %d tiles verified\n", included, len(os.Args)-4, log.fetched)
}

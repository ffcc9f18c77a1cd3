package files

import (
	"io/fs"
	"time"
)

// fileID names a file or folder whatever its path; zero where the system does not tell.
type fileID struct{ device, inode uint64 }

// stamp changes whenever a file is written or replaced, but for writes within one tick of the file system's clock.
type stamp struct {
	id       fileID
	size     int64
	modified time.Time
	changed  int64 // of the inode, in nanoseconds; 0 where the system does not tell
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime()}
	s.id, s.changed = inodeOf(info)
	return s
}

// clockDoubt is how far the clocks of file systems may be off and how coarse they may be.
const clockDoubt = 2 * time.Second

// doubtful tells whether a file that was read at some time may have been written again with the same stamp.
func (s stamp) doubtful(read time.Time) bool {
	return read.Sub(s.modified).Abs() < clockDoubt
}

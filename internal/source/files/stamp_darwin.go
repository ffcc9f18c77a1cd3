package files

import (
	"io/fs"
	"syscall"
)

func inodeOf(info fs.FileInfo) (id fileID, changed int64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, 0
	}
	return fileID{uint64(st.Dev), st.Ino}, st.Ctimespec.Nano()
}

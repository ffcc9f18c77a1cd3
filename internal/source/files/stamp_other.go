//go:build !linux && !darwin

package files

import "io/fs"

func inodeOf(fs.FileInfo) (id fileID, changed int64) { return fileID{}, 0 }

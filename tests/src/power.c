/*
 * What the disk would hold if the power went: a library that is loaded in front of the system's
 * (LD_PRELOAD), and copies aside what a program syncs.
 *
 * At fsync or fdatasync of a file its content as it stands then is copied to
 * $POWER_IMAGE/f-<inode>-<birth>; of a folder, its list of names. Both by rename, so that a
 * program killed in mid-copy leaves what was there before. What was never synced is in no copy.
 *
 * POWER_DROPS names what is not really synced, to see whether anybody notices: "all", "folders",
 * or a part of a path.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *image(void) { return getenv("POWER_IMAGE"); }

/* The path of an open file, where it lies below $POWER_ROOT; 0 elsewhere. */
static int below_root(int fd, char *path, size_t size) {
    const char *root = getenv("POWER_ROOT");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0 || !root) return 0;
    path[length] = 0;
    size_t prefix = strlen(root);
    return strncmp(path, root, prefix) == 0 && (path[prefix] == '/' || path[prefix] == 0);
}

static int dropped(const char *path, int is_folder) {
    const char *drops = getenv("POWER_DROPS");
    if (!drops || !*drops) return 0;
    if (strcmp(drops, "all") == 0) return 1;
    if (strcmp(drops, "folders") == 0) return is_folder;
    return strstr(path, drops) != NULL;
}

/* Inode numbers are used again; together with the time of birth they are not. */
static int identify(int folder, const char *name, int flags, struct statx *known) {
    return statx(folder, name, flags | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, known);
}

static void key(char *out, size_t size, const struct statx *known) {
    snprintf(out, size, "%llu-%lld.%09u", (unsigned long long)known->stx_ino,
             (long long)known->stx_btime.tv_sec, known->stx_btime.tv_nsec);
}

static int copy_file(int fd, int out) {
    static __thread char buffer[1 << 16];
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(fd, buffer, sizeof buffer, at);
        if (got < 0) return -1;
        if (got == 0) return 0;
        for (ssize_t put = 0; put < got;) {
            ssize_t wrote = write(out, buffer + put, got - put);
            if (wrote < 0) return -1;
            put += wrote;
        }
        at += got;
    }
}

static int copy_folder(int fd, int out) {
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = again < 0 ? NULL : fdopendir(again);
    if (!folder) return -1;
    int failed = 0;
    for (struct dirent *entry; !failed && (entry = readdir(folder));) {
        struct statx known;
        char id[96], line[PATH_MAX];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (identify(fd, entry->d_name, 0, &known) != 0) continue;
        int is_folder = S_ISDIR(known.stx_mode);
        if (!is_folder && !S_ISREG(known.stx_mode)) continue;
        key(id, sizeof id, &known);
        int length = snprintf(line, sizeof line, "%c %s %o %s\n", is_folder ? 'd' : 'f', id,
                              known.stx_mode & 07777, entry->d_name);
        failed = write(out, line, length) != length;
    }
    closedir(folder);
    return failed ? -1 : 0;
}

/* Keeps what an open file holds now. What cannot be kept ends the program: the test would lie. */
static void keep_one(int fd) {
    static int number;
    struct statx known;
    char path[PATH_MAX], id[96], final[PATH_MAX], partial[PATH_MAX];
    if (!image() || !below_root(fd, path, sizeof path)) return;
    if (identify(fd, "", AT_EMPTY_PATH, &known) != 0) abort();
    int is_folder = S_ISDIR(known.stx_mode);
    if (dropped(path, is_folder)) return;
    key(id, sizeof id, &known);
    snprintf(final, sizeof final, "%s/%c-%s", image(), is_folder ? 'd' : 'f', id);
    snprintf(partial, sizeof partial, "%s/partial-%d-%d", image(), getpid(),
             __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED));
    int out = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) abort();
    int failed;
    if (is_folder) {
        failed = copy_folder(fd, out);
    } else {
        /* The caller's own descriptor may be for writing only. */
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int again = open(link, O_RDONLY | O_CLOEXEC);
        failed = again < 0 || copy_file(again, out) != 0;
        if (again >= 0) close(again);
    }
    if (failed || close(out) != 0 || rename(partial, final) != 0) abort();
}

/* One after the other: of two that sync one file at once (a checkpoint and a commit), the copy that
 * was begun earlier could otherwise come in last, and take back what the other was promised. */
static void keep(int fd) {
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&one);
    keep_one(fd);
    pthread_mutex_unlock(&one);
}

/* Nothing is asked of the real disk: what counts is the copy. */
int fsync(int fd) {
    keep(fd);
    return 0;
}

int fdatasync(int fd) { return fsync(fd); }

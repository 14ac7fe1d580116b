/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2) with seals. */
#include "tsa/parent/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static bool write_all(int fd, struct bytes text)
{
    while (text.len) {
        const ssize_t n = write(fd, text.data, text.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text = bytes_of(text.data + n, text.len - (size_t)n);
    }
    return true;
}

int sealed_make(const char *name, struct bytes text)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int error;

    if (fd < 0 || (write_all(fd, text) && fcntl(fd, F_ADD_SEALS, seals) == 0)) {
        return fd;
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

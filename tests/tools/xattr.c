/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes, for tests on machines without attr(1). usage: xattr set FILE NAME VALUE, xattr get FILE NAME. Exit code 1 where the
 * file system has none, or the file has not that one.
 */
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

int main(int argc, char **argv)
{
    char value[256];
    ssize_t len;

    if (argc == 5 && strcmp(argv[1], "set") == 0) {
        return setxattr(argv[2], argv[3], argv[4], strlen(argv[4]), 0) == 0 ? 0 : 1;
    }
    if (argc != 4 || strcmp(argv[1], "get") != 0) {
        (void)fprintf(stderr, "usage: xattr set FILE NAME VALUE, xattr get FILE NAME\n");
        return 64;
    }
    len = getxattr(argv[2], argv[3], value, sizeof value - 1);
    if (len < 0) {
        return 1;
    }
    value[len] = '\0';
    (void)printf("%s\n", value);
    return 0;
}

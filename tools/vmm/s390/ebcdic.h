/* SPDX-License-Identifier: GPL-2.0-only */
/* Text between ASCII and code page 500 of EBCDIC, which Linux uses in a guest of KVM. */
#ifndef S390_EBCDIC_H
#define S390_EBCDIC_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that the other side has no character for become '.'; a newline of EBCDIC becomes '\n'. */
void ebcdic_to_ascii(uint8_t *text, size_t n);

/* @n bytes of EBCDIC, filled up with spaces. */
void ascii_to_ebcdic(uint8_t *to, size_t n, const char *text);

#endif

//go:build goexperiment.simd

#include "textflag.h"

// Each function computes dot products of groups of four rows with one query:
//
//	func(dots *int32, codes *int8, query *int16, width, groups int)
//
// The codes are widened to int16 and multiplied with the query into sums of int32. The rows to come are asked for AHEAD
// bytes early, one prefetch per 64 bytes: the processor's own prefetcher stops at every 4 KB page, and waiting
// multiplications fill its queues, so without this the loop stays a third below the speed of memory.

#define AHEAD 4096

// Rows 0 to 3 of the group start at SI, R10, R11, R12; DX is the query, AX the position in the row, CX the width.
#define BEGIN \
	MOVQ dots+0(FP), DI    \
	MOVQ codes+8(FP), SI   \
	MOVQ query+16(FP), DX  \
	MOVQ width+24(FP), CX  \
	MOVQ groups+32(FP), R8

#define ROWS \
	LEAQ (SI)(CX*1), R10   \
	LEAQ (R10)(CX*1), R11  \
	LEAQ (R11)(CX*1), R12  \
	LEAQ AHEAD(SI), R13    \
	XORQ AX, AX

#define CLEAR512 \
	VPXORD Z0, Z0, Z0      \
	VPXORD Z1, Z1, Z1      \
	VPXORD Z2, Z2, Z2      \
	VPXORD Z3, Z3, Z3

#define LOAD512 \
	PREFETCHT0 (R13)             \
	PREFETCHT0 64(R13)           \
	VMOVDQU16  (DX)(AX*2), Z4    \
	VPMOVSXBW  (SI)(AX*1), Z5    \
	VPMOVSXBW  (R10)(AX*1), Z6   \
	VPMOVSXBW  (R11)(AX*1), Z7   \
	VPMOVSXBW  (R12)(AX*1), Z8

#define FOLD512 \
	VEXTRACTI64X4 $1, Z0, Y4     \
	VEXTRACTI64X4 $1, Z1, Y5     \
	VEXTRACTI64X4 $1, Z2, Y6     \
	VEXTRACTI64X4 $1, Z3, Y7     \
	VPADDD        Y4, Y0, Y0     \
	VPADDD        Y5, Y1, Y1     \
	VPADDD        Y6, Y2, Y2     \
	VPADDD        Y7, Y3, Y3

// The sums in Y0 to Y3 become four numbers at DI.
#define STORE \
	VPHADDD      Y1, Y0, Y0      \
	VPHADDD      Y3, Y2, Y2      \
	VPHADDD      Y2, Y0, Y0      \
	VEXTRACTI128 $1, Y0, X1      \
	VPADDD       X1, X0, X0      \
	VMOVDQU      X0, (DI)        \
	ADDQ         $16, DI         \
	LEAQ         (R12)(CX*1), SI

// func dotsVNNI(dots *int32, codes *int8, query *int16, width, groups int)
TEXT ·dotsVNNI(SB), NOSPLIT, $0-40
	BEGIN

vnniGroup:
	ROWS
	CLEAR512

vnniLoop:
	LOAD512
	VPDPWSSD Z4, Z5, Z0
	VPDPWSSD Z4, Z6, Z1
	VPDPWSSD Z4, Z7, Z2
	VPDPWSSD Z4, Z8, Z3
	ADDQ     $128, R13
	ADDQ     $32, AX
	CMPQ     AX, CX
	JLT      vnniLoop
	FOLD512
	STORE
	DECQ     R8
	JNZ      vnniGroup
	VZEROUPPER
	RET

// func dotsAVX512(dots *int32, codes *int8, query *int16, width, groups int)
TEXT ·dotsAVX512(SB), NOSPLIT, $0-40
	BEGIN

wideGroup:
	ROWS
	CLEAR512

wideLoop:
	LOAD512
	VPMADDWD Z4, Z5, Z5
	VPMADDWD Z4, Z6, Z6
	VPMADDWD Z4, Z7, Z7
	VPMADDWD Z4, Z8, Z8
	VPADDD   Z5, Z0, Z0
	VPADDD   Z6, Z1, Z1
	VPADDD   Z7, Z2, Z2
	VPADDD   Z8, Z3, Z3
	ADDQ     $128, R13
	ADDQ     $32, AX
	CMPQ     AX, CX
	JLT      wideLoop
	FOLD512
	STORE
	DECQ     R8
	JNZ      wideGroup
	VZEROUPPER
	RET

// func dotsAVX2(dots *int32, codes *int8, query *int16, width, groups int)
TEXT ·dotsAVX2(SB), NOSPLIT, $0-40
	BEGIN

group:
	ROWS
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3

loop:
	PREFETCHT0 (R13)
	VMOVDQU    (DX)(AX*2), Y4
	VPMOVSXBW  (SI)(AX*1), Y5
	VPMOVSXBW  (R10)(AX*1), Y6
	VPMOVSXBW  (R11)(AX*1), Y7
	VPMOVSXBW  (R12)(AX*1), Y8
	VPMADDWD   Y4, Y5, Y5
	VPMADDWD   Y4, Y6, Y6
	VPMADDWD   Y4, Y7, Y7
	VPMADDWD   Y4, Y8, Y8
	VPADDD     Y5, Y0, Y0
	VPADDD     Y6, Y1, Y1
	VPADDD     Y7, Y2, Y2
	VPADDD     Y8, Y3, Y3
	ADDQ       $64, R13
	ADDQ       $16, AX
	CMPQ       AX, CX
	JLT        loop
	STORE
	DECQ       R8
	JNZ        group
	VZEROUPPER
	RET

// func tileAVX2(dots *int32, codes *int8, queries *int16, width, rows, n int)
//
// Two rows at a time with four queries, so that a widened row serves four products. The queries lie one behind the other,
// the dot products of one n apart from those of the next. rows is even and not 0.
TEXT ·tileAVX2(SB), NOSPLIT, $0-48
	MOVQ dots+0(FP), DI
	MOVQ codes+8(FP), SI
	MOVQ queries+16(FP), DX
	MOVQ width+24(FP), CX
	MOVQ rows+32(FP), R8
	MOVQ n+40(FP), R9
	LEAQ (DX)(CX*2), R11
	LEAQ (R11)(CX*2), R12
	LEAQ (R12)(CX*2), R13
	LEAQ (R9)(R9*2), BX

tileRows:
	LEAQ  (SI)(CX*1), R10
	XORQ  AX, AX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7

#define TILE(query, first, second, q, p) \
	VMOVDQU  (query)(AX*2), q  \
	VPMADDWD q, Y8, p          \
	VPMADDWD q, Y9, q          \
	VPADDD   p, first, first   \
	VPADDD   q, second, second

tileLoop:
	VPMOVSXBW (SI)(AX*1), Y8
	VPMOVSXBW (R10)(AX*1), Y9
	TILE(DX, Y0, Y4, Y10, Y11)
	TILE(R11, Y1, Y5, Y12, Y13)
	TILE(R12, Y2, Y6, Y14, Y15)
	TILE(R13, Y3, Y7, Y10, Y11)
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  tileLoop

	// Y0 to Y3 are the first row's sums, Y4 to Y7 the second's.
	VPHADDD      Y4, Y0, Y0
	VPHADDD      Y5, Y1, Y1
	VPHADDD      Y6, Y2, Y2
	VPHADDD      Y7, Y3, Y3
	VPHADDD      Y1, Y0, Y0
	VPHADDD      Y3, Y2, Y2
	VEXTRACTI128 $1, Y0, X1
	VEXTRACTI128 $1, Y2, X3
	VPADDD       X1, X0, X0
	VPADDD       X3, X2, X2
	VMOVQ        X0, (DI)
	VPEXTRQ      $1, X0, (DI)(R9*4)
	VMOVQ        X2, (DI)(R9*8)
	LEAQ         (DI)(BX*4), R14
	VPEXTRQ      $1, X2, (R14)
	ADDQ         $8, DI
	LEAQ         (R10)(CX*1), SI
	SUBQ         $2, R8
	JNZ          tileRows
	VZEROUPPER
	RET

// func tileVNNI(dots *int32, codes *int8, queries *int16, width, rows, n int)
//
// tileAVX2 with four rows at a time; rows is a multiple of four and not 0.
TEXT ·tileVNNI(SB), NOSPLIT, $0-48
	MOVQ dots+0(FP), DI
	MOVQ codes+8(FP), SI
	MOVQ queries+16(FP), DX
	MOVQ width+24(FP), CX
	MOVQ rows+32(FP), R8
	MOVQ n+40(FP), R9
	LEAQ (DX)(CX*2), R13
	LEAQ (R13)(CX*2), BX
	LEAQ (BX)(CX*2), R14

#define TILE512(query, a, b, c, d) \
	VMOVDQU16 (query)(AX*2), Z20 \
	VPDPWSSD  Z20, Z16, a        \
	VPDPWSSD  Z20, Z17, b        \
	VPDPWSSD  Z20, Z18, c        \
	VPDPWSSD  Z20, Z19, d

// The four sums of a query's registers become four numbers at to.
#define FOLDTILE(za, ya, xa, zb, yb, xb, zc, yc, zd, yd, to) \
	VEXTRACTI64X4 $1, za, Y16  \
	VEXTRACTI64X4 $1, zb, Y17  \
	VEXTRACTI64X4 $1, zc, Y18  \
	VEXTRACTI64X4 $1, zd, Y19  \
	VPADDD        Y16, ya, ya  \
	VPADDD        Y17, yb, yb  \
	VPADDD        Y18, yc, yc  \
	VPADDD        Y19, yd, yd  \
	VPHADDD       yb, ya, ya   \
	VPHADDD       yd, yc, yc   \
	VPHADDD       yc, ya, ya   \
	VEXTRACTI128  $1, ya, xb   \
	VPADDD        xb, xa, xa   \
	VMOVDQU       xa, to

vnniRows:
	LEAQ (SI)(CX*1), R10
	LEAQ (R10)(CX*1), R11
	LEAQ (R11)(CX*1), R12
	XORQ AX, AX
	CLEAR512
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9
	VPXORD Z10, Z10, Z10
	VPXORD Z11, Z11, Z11
	VPXORD Z12, Z12, Z12
	VPXORD Z13, Z13, Z13
	VPXORD Z14, Z14, Z14
	VPXORD Z15, Z15, Z15

vnniTile:
	VPMOVSXBW (SI)(AX*1), Z16
	VPMOVSXBW (R10)(AX*1), Z17
	VPMOVSXBW (R11)(AX*1), Z18
	VPMOVSXBW (R12)(AX*1), Z19
	TILE512(DX, Z0, Z1, Z2, Z3)
	TILE512(R13, Z4, Z5, Z6, Z7)
	TILE512(BX, Z8, Z9, Z10, Z11)
	TILE512(R14, Z12, Z13, Z14, Z15)
	ADDQ $32, AX
	CMPQ AX, CX
	JLT  vnniTile

	LEAQ (R9)(R9*2), AX
	FOLDTILE(Z0, Y0, X0, Z1, Y1, X1, Z2, Y2, Z3, Y3, (DI))
	FOLDTILE(Z4, Y4, X4, Z5, Y5, X5, Z6, Y6, Z7, Y7, (DI)(R9*4))
	FOLDTILE(Z8, Y8, X8, Z9, Y9, X9, Z10, Y10, Z11, Y11, (DI)(R9*8))
	FOLDTILE(Z12, Y12, X12, Z13, Y13, X13, Z14, Y14, Z15, Y15, (DI)(AX*4))
	ADDQ $16, DI
	LEAQ (R12)(CX*1), SI
	SUBQ $4, R8
	JNZ  vnniRows
	VZEROUPPER
	RET

//go:build goexperiment.simd

#include "textflag.h"

// Each function adds the products of blocks of 32 elements to 32 sums of float32 and folds these in halves:
//
//	func(sums *[32]float32, x *T, y *float32, blocks int) float32

#define SUMS \
	MOVQ    sums+0(FP), DI   \
	MOVQ    x+8(FP), SI      \
	MOVQ    y+16(FP), DX     \
	MOVQ    blocks+24(FP), CX \
	VMOVUPS (DI), Y0         \
	VMOVUPS 32(DI), Y1       \
	VMOVUPS 64(DI), Y2       \
	VMOVUPS 96(DI), Y3       \
	TESTQ   CX, CX

#define TIMES \
	VMULPS (DX), Y4, Y4      \
	VMULPS 32(DX), Y5, Y5    \
	VMULPS 64(DX), Y6, Y6    \
	VMULPS 96(DX), Y7, Y7    \
	VADDPS Y4, Y0, Y0        \
	VADDPS Y5, Y1, Y1        \
	VADDPS Y6, Y2, Y2        \
	VADDPS Y7, Y3, Y3        \
	ADDQ   $128, DX          \
	DECQ   CX

#define FOLD \
	VADDPS       Y2, Y0, Y0     \
	VADDPS       Y3, Y1, Y1     \
	VADDPS       Y1, Y0, Y0     \
	VEXTRACTF128 $1, Y0, X1     \
	VADDPS       X1, X0, X0     \
	VPERMILPS    $0xee, X0, X1  \
	VADDPS       X1, X0, X0     \
	VMOVSHDUP    X0, X1         \
	VADDSS       X1, X0, X0     \
	VMOVSS       X0, ret+32(FP) \
	VZEROUPPER                  \
	RET

// func sumsAVX(sums *[32]float32, x *float32, y *float32, blocks int) float32
TEXT ·sumsAVX(SB), NOSPLIT, $0-36
	SUMS
	JZ singleDone

singleLoop:
	VMOVUPS (SI), Y4
	VMOVUPS 32(SI), Y5
	VMOVUPS 64(SI), Y6
	VMOVUPS 96(SI), Y7
	ADDQ    $128, SI
	TIMES
	JNZ     singleLoop

singleDone:
	FOLD

// func sumsF16C(sums *[32]float32, x *uint16, y *float32, blocks int) float32
TEXT ·sumsF16C(SB), NOSPLIT, $0-36
	SUMS
	JZ halfDone

halfLoop:
	VCVTPH2PS (SI), Y4
	VCVTPH2PS 16(SI), Y5
	VCVTPH2PS 32(SI), Y6
	VCVTPH2PS 48(SI), Y7
	ADDQ      $64, SI
	TIMES
	JNZ       halfLoop

halfDone:
	FOLD

// func sumsCodes(sums *[32]float32, x *int8, y *float32, blocks int) float32
TEXT ·sumsCodes(SB), NOSPLIT, $0-36
	SUMS
	JZ codesDone

codesLoop:
	VPMOVSXBD (SI), Y4
	VPMOVSXBD 8(SI), Y5
	VPMOVSXBD 16(SI), Y6
	VPMOVSXBD 24(SI), Y7
	VCVTDQ2PS Y4, Y4
	VCVTDQ2PS Y5, Y5
	VCVTDQ2PS Y6, Y6
	VCVTDQ2PS Y7, Y7
	ADDQ      $32, SI
	TIMES
	JNZ       codesLoop

codesDone:
	FOLD

// func features() uint32
//
// The third register of CPUID's leaf 1.
TEXT ·features(SB), NOSPLIT, $0-4
	MOVL $1, AX
	XORL CX, CX
	CPUID
	MOVL CX, ret+0(FP)
	RET

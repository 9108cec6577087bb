"""PTX written by hand: what the reader finds in it, and what is refused."""

import pytest

from ptx import c_writer, reader

TEXT = """
.version 9.0
.shared .align 8 .b8 tile[40];
.shared .align 4 .b8 sums[12];
.visible .entry scale(
    .param .u64 scale_param_0,
    .param .f32 scale_param_1
)
{
    .reg .pred %p<2>;
    .reg .f32 %f<3>;
    .reg .b64 %rd<2>;
    ld.param.u64 %rd1, [scale_param_0];  // a comment
$L__BB0_1:
    @!%p1 bra $L__BB0_1;
    ld.shared.f32 %f1, [%rd1+8];
    st.global.v2.f32 [%rd1], {%f1, %f2};
    ret;
}
"""


def test_the_parts_of_a_kernel():
    kernel = reader.read(TEXT)
    assert kernel.parameters == ["u64", "f32"]
    assert kernel.registers == {"p": 2, "f": 3, "rd": 2}
    load, label, jump, *_, store, end = kernel.instructions
    assert (load.parts, load.operands) == (("ld", "param", "u64"), ("%rd1", "[scale_param_0]"))
    assert label.label == "$L__BB0_1"
    assert (jump.guard, jump.negated, jump.operands) == ("%p1", True, ("$L__BB0_1",))
    assert store.operands == ("[%rd1]", "{%f1, %f2}")
    assert kernel.lines[end.line - 1].strip() == "ret;"
    assert [kernel.lines[n - 1].split()[0] for n in kernel.accesses] == ["ld.shared.f32", "st.global.v2.f32"]


def test_shared_arrays_have_gaps_between_them():
    shared = reader.read(TEXT).shared
    (tile, tile_bytes), (sums, sums_bytes) = shared["tile"], shared["sums"]
    assert (tile_bytes, sums_bytes) == (40, 12)
    assert tile >= reader.FIRST_SHARED and sums >= tile + tile_bytes + reader.GUARD_BYTES
    assert tile % 16 == sums % 16 == 0


@pytest.mark.parametrize(
    "instruction",
    [
        "shfl.sync.idx.b32 %r1, %r2, 0, 31, -1;",
        "bar.sync 1;",
        "add.rm.f32 %f1, %f1, %f2;",
        "ld.local.f32 %f1, [%rd1];",
    ],
)
def test_instructions_without_a_translation_are_refused_with_their_line(instruction):
    text = TEXT.replace("ret;", instruction)
    line = 1 + text.splitlines().index(f"    {instruction}")
    with pytest.raises(reader.Unsupported, match=f"line {line}: "):
        c_writer.source(reader.read(text))


def test_texts_of_several_kernels_are_refused():
    with pytest.raises(reader.Unsupported, match="2 kernels in one text"):
        reader.read(TEXT + TEXT)


def test_functions_beside_the_kernel_are_skipped_and_calls_of_unknown_ones_refused():
    function = TEXT.replace(".visible .entry scale", ".func (.param .b64 func_retval0) helper")
    assert reader.read(function + TEXT).instructions[0].line > len(function.splitlines())
    call = TEXT.replace(
        "ret;",
        "{ // callseq 0\n    call.uni (retval0),\n    helper,\n    (\n    param0\n    );\n    }\n    ret;",
    )
    with pytest.raises(reader.Unsupported, match=r"call\.uni .*helper"):
        c_writer.source(reader.read(call))

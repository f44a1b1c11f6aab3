namespace Calico.Linux.Nftables;

/// <summary>Attributes of the expressions that this library writes, in the order of their numbers (uapi nf_tables.h).</summary>
internal static class NftExpressionShape
{
    /// <summary>NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED: set by the kernel where a register of that kind is named.</summary>
    public const uint NatFlagsOfTheKernel = 3;

    /// <summary>LOGLEVEL_WARNING (include/linux/kern_levels.h), taken where none was given (nft_log_init).</summary>
    public const uint DefaultLogLevel = 4;

    private const NftAttributeKind Ignored = NftAttributeKind.Ignored;
    private const NftAttributeKind Register = NftAttributeKind.Register;
    private const NftAttributeKind Number = NftAttributeKind.Number;
    private const NftAttributeKind Presence = NftAttributeKind.Presence;
    private const NftAttributeKind Text = NftAttributeKind.Text;
    private const NftAttributeKind Value = NftAttributeKind.Value;
    private const NftAttributeKind Unknown = NftAttributeKind.Unknown;

    /// <summary>The kinds by attribute number; 0 is no attribute. Empty: not one of ours, everything of it counts as it is.</summary>
    public static ReadOnlySpan<NftAttributeKind> Of(ReadOnlySpan<byte> expression) => expression switch
    {
        // DREG, KEY, SREG
        _ when expression.SequenceEqual("meta"u8) => [Unknown, Register, Number, Register],
        // SREG, OP, DATA
        _ when expression.SequenceEqual("cmp"u8) => [Unknown, Register, Number, Value],
        // DREG, BASE, OFFSET, LEN; the rest belongs to writing
        _ when expression.SequenceEqual("payload"u8) => [Unknown, Register, Number, Number, Number, Register, Number, Number, Number],
        // SET, SREG, DREG, SET_ID, FLAGS
        _ when expression.SequenceEqual("lookup"u8) => [Unknown, Text, Register, Register, Number, Number],
        // DREG, DATA
        _ when expression.SequenceEqual("immediate"u8) => [Unknown, Register, Value],
        // IMM_TYPE, IMM_NAME, SET_SREG, SET_NAME, SET_ID
        _ when expression.SequenceEqual("objref"u8) => [Unknown, Number, Text, Register, Text, Number],
        // BYTES, PACKETS
        _ when expression.SequenceEqual("counter"u8) => [Unknown, Ignored, Ignored],
        // SREG, OP, FROM_DATA, TO_DATA
        _ when expression.SequenceEqual("range"u8) => [Unknown, Register, Number, Value, Value],
        // SREG, DREG, LEN, MASK, XOR, OP, DATA, SREG2
        _ when expression.SequenceEqual("bitwise"u8) => [Unknown, Register, Register, Number, Value, Value, Number, Value, Register],
        // DREG, KEY, DIRECTION, SREG
        _ when expression.SequenceEqual("ct"u8) => [Unknown, Register, Number, Presence, Register],
        // DREG, RESULT, FLAGS
        _ when expression.SequenceEqual("fib"u8) => [Unknown, Register, Number, Number],
        // FLAGS, REG_PROTO_MIN, REG_PROTO_MAX
        _ when expression.SequenceEqual("masq"u8) => [Unknown, Number, Register, Register],
        // GROUP, PREFIX, SNAPLEN, QTHRESHOLD, LEVEL, FLAGS
        _ when expression.SequenceEqual("log"u8) => [Unknown, Presence, Text, Presence, Number, NftAttributeKind.LogLevel, Number],
        // RATE, UNIT, BURST, TYPE, FLAGS
        _ when expression.SequenceEqual("limit"u8) => [Unknown, Number, Number, Number, Number, Number],
        // COUNT, FLAGS
        _ when expression.SequenceEqual("connlimit"u8) => [Unknown, Number, Number],
        // TYPE, FAMILY, REG_ADDR_MIN, REG_ADDR_MAX, REG_PROTO_MIN, REG_PROTO_MAX, FLAGS
        _ when expression.SequenceEqual("nat"u8) =>
            [Unknown, Number, Number, Register, NftAttributeKind.LastRegister, Register, NftAttributeKind.LastRegister,
                NftAttributeKind.NatFlags],
        // TYPE, ICMP_CODE
        _ when expression.SequenceEqual("reject"u8) => [Unknown, Number, Number],
        _ => [],
    };
}

using System.Buffers;
using System.Buffers.Binary;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>What a rule's expressions do, in one form for what is sent and for what the kernel lists. Equal by content.</summary>
/// <remarks>
/// The kernel lists a rule otherwise than it was sent: words 0, 4, 8 and 12 as the old wide registers, attributes in its own order, some
/// that were left out with their default. So each expression is written anew: name, then attributes in ascending order, registers as
/// words, numbers without leading zeros and without those that are 0, text without its end. An expression or attribute that
/// <see cref="NftExpressionShape"/> does not know counts as it is, unless it is zero: nothing that acts is left out.
/// Counts of counters are left out: they say what has passed.
/// </remarks>
public readonly struct NftRuleContent : IEquatable<NftRuleContent>
{
    /// <summary>Attributes from here on are written as they come; the kernel has none yet (uapi nf_tables.h).</summary>
    private const int AttributeCount = 16;

    private const byte IsValue = 1;
    private const byte IsVerdict = 2;

    private readonly byte[]? _bytes;

    private NftRuleContent(byte[] bytes) => _bytes = bytes;

    /// <summary>Of a rule to be made.</summary>
    public static NftRuleContent Of(NftRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        using var writer = new NetlinkWriter(1024);
        foreach (var expression in rule.Expressions)
        {
            expression.Write(writer);
        }

        return Read(writer.Written);
    }

    /// <summary>Of the content of NFTA_RULE_EXPRESSIONS. The form is never longer than that.</summary>
    internal static NftRuleContent Read(ReadOnlySpan<byte> expressions)
    {
        var rented = ArrayPool<byte>.Shared.Rent(expressions.Length);
        try
        {
            var form = new Form(rented);
            var list = new AttributeReader(expressions);
            while (list.TryRead(out var element))
            {
                WriteExpression(element.Nested, ref form);
            }

            return new NftRuleContent(form.Written.ToArray());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The form itself: what a short name for it is made of.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    public static bool operator ==(NftRuleContent left, NftRuleContent right) => left.Equals(right);

    public static bool operator !=(NftRuleContent left, NftRuleContent right) => !left.Equals(right);

    public bool Equals(NftRuleContent other) => _bytes.AsSpan().SequenceEqual(other._bytes);

    public override bool Equals(object? obj) => obj is NftRuleContent other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(_bytes);
        return hash.ToHashCode();
    }

    private static void WriteExpression(AttributeReader element, ref Form form)
    {
        ReadOnlySpan<byte> name = [], content = [];
        while (element.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_EXPR_NAME: name = a.Content.TrimEnd((byte)0); break;
                case NftMessages.NFTA_EXPR_DATA: content = a.Content; break;
            }
        }

        form.Add((byte)name.Length);
        form.Add(name);
        var shape = NftExpressionShape.Of(name);
        // The kernel lists some attributes out of their order; where each stands in the content, and how long it is.
        Span<(int End, int Length)> places = stackalloc (int, int)[AttributeCount];
        places.Clear();
        var attributes = new AttributeReader(content);
        while (attributes.TryRead(out var a))
        {
            if (a.Type < AttributeCount)
            {
                places[a.Type] = (content.Overlaps(a.Content, out var start) ? start + a.Content.Length : a.Content.Length,
                    a.Content.Length);
            }
            else if (a.Content.ContainsAnyExcept((byte)0))
            {
                WriteUnknown(a, ref form);
            }
        }

        for (ushort type = 1; type < AttributeCount; type++)
        {
            if (places[type].End != 0)
            {
                Write(new NetlinkAttribute(type, Content(content, places[type])), Kind(shape, type, content, places), ref form);
            }
        }

        form.Add(0);
    }

    private static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> content, (int End, int Length) place) =>
        content[(place.End - place.Length)..place.End];

    private static NftAttributeKind Kind(ReadOnlySpan<NftAttributeKind> shape, int type, ReadOnlySpan<byte> content,
        ReadOnlySpan<(int End, int Length)> places)
    {
        var kind = type < shape.Length ? shape[type] : NftAttributeKind.Unknown;
        if (kind != NftAttributeKind.LastRegister)
        {
            return kind;
        }
        // A range of one: the kernel lists its end where none was given.
        return Content(content, places[type - 1]).SequenceEqual(Content(content, places[type])) ? NftAttributeKind.Ignored
            : NftAttributeKind.Register;
    }

    private static void Write(in NetlinkAttribute a, NftAttributeKind kind, ref Form form)
    {
        var significant = a.Content.TrimStart((byte)0);
        switch (kind)
        {
            case NftAttributeKind.Ignored:
                break;
            case NftAttributeKind.Register:
                form.Add((byte)a.Type);
                form.Add((byte)NftRegister.WordOf(a.U32BigEndian));
                break;
            case NftAttributeKind.LogLevel when a.U32BigEndian == NftExpressionShape.DefaultLogLevel:
            case NftAttributeKind.Number or NftAttributeKind.LogLevel or NftAttributeKind.Unknown when significant.IsEmpty:
                break;
            case NftAttributeKind.Number or NftAttributeKind.LogLevel or NftAttributeKind.Presence:
                form.Add((byte)a.Type);
                form.AddCounted(significant);
                break;
            case NftAttributeKind.NatFlags:
                var flags = a.U32BigEndian & ~NftExpressionShape.NatFlagsOfTheKernel;
                if (flags != 0)
                {
                    form.Add((byte)a.Type);
                    form.Add((byte)flags);
                }

                break;
            case NftAttributeKind.Text:
                if (a.Content.TrimEnd((byte)0) is { IsEmpty: false } text)
                {
                    form.Add((byte)a.Type);
                    form.AddCounted(text);
                }

                break;
            case NftAttributeKind.Value:
                WriteValue(a, ref form);
                break;
            default:
                WriteUnknown(a, ref form);
                break;
        }
    }

    private static void WriteValue(in NetlinkAttribute a, ref Form form)
    {
        form.Add((byte)a.Type);
        if (NftData.ReadVerdict(a.Nested) is { } verdict)
        {
            form.Add(IsVerdict);
            Span<byte> code = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32BigEndian(code, verdict.Code);
            form.Add(code);
            form.AddCounted(System.Text.Encoding.UTF8.GetBytes(verdict.Chain ?? ""));
            return;
        }

        form.Add(IsValue);
        form.AddCounted(NftData.ReadValue(a.Nested));
    }

    private static void WriteUnknown(in NetlinkAttribute a, ref Form form)
    {
        form.Add((byte)a.Type);
        form.AddCounted(a.Content);
    }

    private ref struct Form(Span<byte> buffer)
    {
        private readonly Span<byte> _buffer = buffer;
        private int _length;

        public readonly ReadOnlySpan<byte> Written => _buffer[.._length];

        public void Add(byte value) => _buffer[_length++] = value;

        public void Add(scoped ReadOnlySpan<byte> value)
        {
            value.CopyTo(_buffer[_length..]);
            _length += value.Length;
        }

        public void AddCounted(scoped ReadOnlySpan<byte> value)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_buffer[_length..], (ushort)value.Length);
            _length += sizeof(ushort);
            Add(value);
        }
    }
}

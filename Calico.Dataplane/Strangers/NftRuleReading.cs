using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Net;
using System.Numerics;
using System.Text;
using Calico.Datastore.Addresses;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Strangers;

/// <summary>Reads a rule of nftables, whoever wrote it: which interfaces and addresses it asks for, whether for more, what it does.
/// </summary>
/// <remarks>What is loaded into a register is remembered until it is compared. An expression that is not known makes the rule unclear.
/// </remarks>
internal sealed class NftRuleReading(Func<string, ImmutableArray<NftElement>> elements)
{
    // uapi nf_tables.h: numbers of the attributes are those of the expressions' files in Calico.Linux/Nftables/Expressions.
    private const ushort MetaTarget = 1, MetaKeyOf = 2;
    private const ushort PayloadTarget = 1, PayloadFrom = 2, PayloadOffset = 3, PayloadLength = 4;
    private const ushort BitwiseSource = 1, BitwiseTarget = 2, BitwiseMask = 4;
    private const ushort CompareSource = 1, CompareOperator = 2, CompareValue = 3;
    private const ushort LookupSet = 1, LookupKey = 2, LookupTarget = 3, LookupFlags = 5;
    private const ushort RangeSource = 1, RangeOperator = 2, RangeFirst = 3, RangeLast = 4;
    private const ushort ExtensionName = 1;

    /// <summary>NFT_REG_1 is words 0 to 3 (NFT_REG32_00 is 8).</summary>
    private const uint FirstWord = 8;

    private readonly Dictionary<uint, Loaded> _registers = [];
    private readonly List<string> _words = [];
    private ForeignRule _rule = new("", ForeignAction.Continue);

    /// <summary>The rule; its removal is filled in by who knows its table.</summary>
    public static ForeignRule Read(NftRuleState rule, Func<string, ImmutableArray<NftElement>> elements)
    {
        var reading = new NftRuleReading(elements);
        foreach (var step in rule.Expressions)
        {
            reading.Read(step);
        }

        return reading._rule with { Text = string.Join(' ', reading._words) };
    }

    private void Read(NftExpressionState step)
    {
        var values = Attributes(step);
        switch (step.Name)
        {
            case "counter" or "log" or "comment":
                break;
            case "meta":
                Load(values, MetaTarget, values.TryGetValue(MetaKeyOf, out var key) ? (MetaKey)Number(key) switch
                {
                    MetaKey.IncomingName => What.Incoming,
                    MetaKey.OutgoingName => What.Outgoing,
                    MetaKey.NetworkFamily or MetaKey.Protocol => What.Family,
                    MetaKey.TransportProtocol => What.Part,
                    _ => What.Unknown,
                } : What.Unknown);
                break;
            case "payload":
                ReadPayload(values);
                break;
            case "bitwise":
                if (values.TryGetValue(BitwiseSource, out var source) && _registers.TryGetValue(Word(source), out var masked)
                    && values.TryGetValue(BitwiseMask, out var mask) && values.TryGetValue(BitwiseTarget, out var target))
                {
                    _registers[Word(target)] = masked with { Mask = Value(mask) };
                }

                break;
            case "cmp":
                if (Comparison(Number(values.GetValueOrDefault(CompareOperator, []))) is { } isInverted)
                {
                    var value = Value(values[CompareValue]);
                    Ask(_registers.GetValueOrDefault(Word(values[CompareSource])), isInverted, [(value, value)]);
                }
                else
                {
                    Narrow(_registers.GetValueOrDefault(Word(values[CompareSource])));
                }

                break;
            case "range":
                Ask(_registers.GetValueOrDefault(Word(values[RangeSource])), Number(values.GetValueOrDefault(RangeOperator, [])) != 0,
                    [(Value(values[RangeFirst]), Value(values[RangeLast]))]);
                break;
            case "lookup" when !values.ContainsKey(LookupTarget):
                Ask(_registers.GetValueOrDefault(Word(values[LookupKey])), Number(values.GetValueOrDefault(LookupFlags, [])) != 0,
                    Ranges(elements(Encoding.UTF8.GetString(values[LookupSet]).TrimEnd('\0'))));
                break;
            case "immediate" when step.Verdict is { } verdict:
                Decide(verdict);
                break;
            case "reject":
                End(ForeignAction.Drop, "reject");
                break;
            case "target" when Name(values) is "REJECT" or "DROP":
                End(ForeignAction.Drop, Name(values));
                break;
            case "target" when Name(values) is "LOG" or "NFLOG" or "TRACE" or "MARK" or "CT" or "CHECKSUM" or "TCPMSS" or "CONNMARK":
                break;
            case "match" when Name(values) is "comment":
                break;
            case "match" when Name(values) is "tcp" or "udp" or "multiport" or "icmp" or "icmp6" or "sctp":
                Narrow(new(What.Part, null));
                break;
            default:
                Unclear(step.Name);
                break;
        }
    }

    private void ReadPayload(Dictionary<ushort, byte[]> values)
    {
        if (!values.ContainsKey(PayloadTarget))
        {
            Unclear("payload set");
            return;
        }

        var (from, offset, length) = ((PayloadBase)Number(values[PayloadFrom]), (int)Number(values[PayloadOffset]),
            (int)Number(values[PayloadLength]));
        Load(values, PayloadTarget, (from, offset) switch
        {
            (PayloadBase.NetworkHeader, 12) when length <= 4 => What.Source4,
            (PayloadBase.NetworkHeader, 16) when length <= 4 => What.Destination4,
            (PayloadBase.NetworkHeader, 8) when length is > 1 and <= 16 => What.Source6,
            (PayloadBase.NetworkHeader, 24) when length <= 16 => What.Destination6,
            (PayloadBase.NetworkHeader, 9) or (PayloadBase.NetworkHeader, 6) or (PayloadBase.TransportHeader, _) => What.Part,
            _ => What.Unknown,
        });
    }

    private void Load(Dictionary<ushort, byte[]> values, ushort target, What what)
    {
        if (values.TryGetValue(target, out var register))
        {
            _registers[Word(register)] = new(what, null);
        }
        else
        {
            // It sets something; what comes after may ask for it.
            _words.Add("(sets a mark)");
        }
    }

    private void Ask(Loaded loaded, bool isInverted, IReadOnlyList<(byte[] First, byte[] Last)> ranges)
    {
        switch (loaded.What)
        {
            case What.Incoming or What.Outgoing when ranges.Count == 1:
                var match = new NameMatch(NameOf(ranges[0].First), isInverted);
                _words.Add($"{(loaded.What == What.Incoming ? "iifname" : "oifname")}{(isInverted ? " !=" : "")} {match.Name}");
                _rule = loaded.What == What.Incoming ? _rule with { Incoming = match } : _rule with { Outgoing = match };
                break;
            case What.Source4 or What.Source6 or What.Destination4 or What.Destination6:
                AskAddress(loaded, isInverted, ranges);
                break;
            default:
                Narrow(loaded);
                break;
        }
    }

    private void AskAddress(Loaded loaded, bool isInverted, IReadOnlyList<(byte[] First, byte[] Last)> ranges)
    {
        var (isIpv6, isSource) = (loaded.What is What.Source6 or What.Destination6, loaded.What is What.Source4 or What.Source6);
        var match = new AddressMatch([.. ranges.SelectMany(r => Blocks(r.First, r.Last, loaded.Mask, isIpv6))], isInverted);
        _words.Add($"{(isIpv6 ? "ip6" : "ip")} {(isSource ? "saddr" : "daddr")}{(isInverted ? " !=" : "")} {string.Join(", ", match.Ranges.Select(r => r.ToShortString()))}");
        _rule = isSource ? _rule with { Source = match } : _rule with { Destination = match };
    }

    private void Narrow(Loaded loaded)
    {
        switch (loaded.What)
        {
            case What.Family:
                break;
            case What.Part:
                _words.Add("(protocol or port)");
                _rule = _rule with { IsPartial = true };
                break;
            default:
                Unclear("something else");
                break;
        }
    }

    private void Decide(NftVerdict verdict)
    {
        var action = verdict == NftVerdict.Drop ? ForeignAction.Drop
            : verdict == NftVerdict.Accept ? ForeignAction.Accept
            : verdict == NftVerdict.Return ? ForeignAction.Return
            : verdict.Chain is { } chain ? verdict == NftVerdict.Goto(chain) ? ForeignAction.Goto : ForeignAction.Jump
            : ForeignAction.Continue;
        End(action, verdict.ToString());
        _rule = _rule with { Target = verdict.Chain ?? "" };
    }

    private void End(ForeignAction action, string word)
    {
        _words.Add(word);
        _rule = _rule with { Action = action };
    }

    private void Unclear(string what)
    {
        _words.Add($"({what})");
        _rule = _rule with { IsUnclear = true };
    }

    /// <summary>A prefix, as the mask, the length or the range has it; a range that is none counts by its ends.</summary>
    private static IEnumerable<Cidr> Blocks(byte[] first, byte[] last, byte[]? mask, bool isIpv6)
    {
        var bytes = isIpv6 ? 16 : 4;
        var given = Math.Min(first.Length, bytes) * 8;
        var bits = mask is null ? given : mask.Take(bytes).Sum(b => BitOperations.PopCount(b));
        if (first.AsSpan().SequenceEqual(last))
        {
            return [Of(first, bits)];
        }
        // The smallest block that holds both ends: overlap with a workload is said a little too often rather than not.
        var common = 0;
        while (common < given && ((first[common / 8] ^ last[common / 8]) >> (7 - common % 8) & 1) == 0)
        {
            common++;
        }

        return [Of(first, common)];

        Cidr Of(byte[] address, int length) => new(isIpv6,
            Cidr.From(new IPAddress([.. address.Take(bytes), .. new byte[bytes - Math.Min(bytes, address.Length)]])).First, length);
    }

    /// <summary>Of a set with intervals: keys come with the ends of ranges, which are the first keys outside.</summary>
    private static List<(byte[] First, byte[] Last)> Ranges(ImmutableArray<NftElement> members)
    {
        var ordered = members.Select(m => (Key: m.Key.Bytes.ToArray(), m.KeyEnd, IsEnd: (m.Flags & NftElementFlags.IntervalEnd) != 0))
            .OrderBy(m => Convert.ToHexString(m.Key), StringComparer.Ordinal).ToList();
        var ranges = new List<(byte[] First, byte[] Last)>();
        for (var i = 0; i < ordered.Count; i++)
        {
            if (!ordered[i].IsEnd)
            {
                ranges.Add((ordered[i].Key, i + 1 < ordered.Count && ordered[i + 1].IsEnd ? Before(ordered[i + 1].Key)
                    : ordered[i].KeyEnd?.Bytes.ToArray() ?? ordered[i].Key));
            }
        }

        return ranges;
    }

    private static byte[] Before(byte[] key)
    {
        byte[] before = [.. key];
        for (var i = before.Length - 1; i >= 0 && before[i]-- == 0; i--)
        {
        }

        return before;
    }

    /// <summary>A name that ends without a zero is a prefix.</summary>
    private static string NameOf(byte[] value) =>
        value.AsSpan().IndexOf((byte)0) is var end and >= 0 ? Encoding.UTF8.GetString(value[..end]) : Encoding.UTF8.GetString(value) + "*";

    private static bool? Comparison(uint operation) => operation switch { 0 => false, 1 => true, _ => null };

    private static string Name(Dictionary<ushort, byte[]> values) =>
        Encoding.UTF8.GetString(values.GetValueOrDefault(ExtensionName, [])).TrimEnd('\0');

    private static uint Number(byte[] value) => value.Length == 4 ? BinaryPrimitives.ReadUInt32BigEndian(value) : 0;

    private static uint Word(byte[] value) => Number(value) is var number && number < FirstWord ? FirstWord + (number - 1) * 4 : number;

    /// <summary>NFTA_DATA_VALUE inside.</summary>
    private static byte[] Value(byte[] data)
    {
        var inside = new AttributeReader(data);
        return inside.TryRead(out var a) ? a.Content.ToArray() : [];
    }

    private static Dictionary<ushort, byte[]> Attributes(NftExpressionState step)
    {
        var found = new Dictionary<ushort, byte[]>();
        var attributes = new AttributeReader(step.Content.AsSpan());
        while (attributes.TryRead(out var a))
        {
            found[a.Type] = a.Content.ToArray();
        }

        return found;
    }

    private enum What
    {
        Unknown,
        Incoming,
        Outgoing,
        Family,
        Source4,
        Destination4,
        Source6,
        Destination6,

        /// <summary>Protocol, port, ICMP type.</summary>
        Part,
    }

    private readonly record struct Loaded(What What, byte[]? Mask);
}

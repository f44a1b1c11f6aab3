using System.Net.Sockets;
using Calico.Datastore.Addresses;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Writes a rule from left to right. Each step goes on only if it matches.</summary>
/// <remarks>Wide register 1 (words 0 to 3) is scratch for one comparison; words 4 to 7 hold a name in a dispatch.</remarks>
internal sealed class RuleBuilder
{
    private const byte FamilyIpv4 = 2;
    private const byte FamilyIpv6 = 10;
    private const int IcmpV6 = 58;

    /// <summary>RTN_LOCAL of uapi rtnetlink.h.</summary>
    private const uint RouteTypeLocal = 2;

    private static readonly NftRegister Scratch = NftRegister.Wide(1);
    private static readonly NftRegister Word0 = NftRegister.Word(0);

    private readonly List<NftExpression> _steps = [];

    public NftRule Accept(string comment = "") => End(comment, Verdict.Accept);

    public NftRule Return(string comment = "") => End(comment, Verdict.Return);

    public NftRule Goto(string chain, string comment = "") => End(comment, Verdict.Goto(chain));

    public NftRule Jump(string chain, string comment = "") => End(comment, Verdict.Jump(chain));

    /// <summary>Told of, counted by its reason, then gone.</summary>
    public NftRule Drop(string reason, string comment = "") => Goto(Names.DropChain(reason), comment);

    /// <summary>The same by a rule with a number: the packet takes it along in its mark, which nobody else will see any more.</summary>
    public NftRule Drop(string reason, uint number, string comment = "") =>
        Add(new Immediate(Word0, NftValue.Native(number)), Meta.Set(MetaKey.Mark, Word0)).Drop(reason, comment);

    /// <summary>Told of with the number of a rule, and nothing else: the packet's mark is as before.</summary>
    /// <remarks>Beyond the rate the rule breaks off before the first change of the mark.</remarks>
    public NftRule Tell(string reason, uint number, ushort group, int perSecond, string comment)
    {
        var saved = NftRegister.Word(8);
        return End(comment, new Limit((ulong)perSecond, TimeSpan.FromSeconds(1), (uint)perSecond), Meta.Load(MetaKey.Mark, saved),
            new Immediate(Word0, NftValue.Native(number)), Meta.Set(MetaKey.Mark, Word0), new Log(reason, group),
            Meta.Set(MetaKey.Mark, saved));
    }

    public NftRule End(string comment, params ReadOnlySpan<NftExpression> last)
    {
        _steps.AddRange(last);
        return NftRule.Of([.. _steps]) with { Comment = RuleIdentity.Words(comment) };
    }

    public RuleBuilder Add(params ReadOnlySpan<NftExpression> steps)
    {
        _steps.AddRange(steps);
        return this;
    }

    public RuleBuilder IncomingPrefix(string prefix) =>
        Add(Meta.Load(MetaKey.IncomingName, Scratch), Compare.Equal(Scratch, NftValue.LinkNamePrefix(prefix)));

    public RuleBuilder NotIncomingPrefix(string prefix) =>
        Add(Meta.Load(MetaKey.IncomingName, Scratch), Compare.NotEqual(Scratch, NftValue.LinkNamePrefix(prefix)));

    public RuleBuilder OutgoingPrefix(string prefix) =>
        Add(Meta.Load(MetaKey.OutgoingName, Scratch), Compare.Equal(Scratch, NftValue.LinkNamePrefix(prefix)));

    /// <summary>The link's group is this even number or the next.</summary>
    public RuleBuilder GroupOrNext(MetaKey key, uint group) =>
        Add(Meta.Load(key, Scratch), Bitwise.And(Scratch, NftValue.Native(~1u)), Compare.Equal(Scratch, NftValue.Native(group)));

    public RuleBuilder NameIn(MetaKey name, string set) => Add(Meta.Load(name, Scratch), Lookup.In(set, Scratch));

    public RuleBuilder Family(bool isIpv6) =>
        Add(Meta.Load(MetaKey.NetworkFamily, Scratch), Compare.Equal(Scratch, NftValue.Byte(isIpv6 ? FamilyIpv6 : FamilyIpv4)));

    public RuleBuilder Protocol(byte protocol) =>
        Add(Meta.Load(MetaKey.TransportProtocol, Scratch), Compare.Equal(Scratch, NftValue.Byte(protocol)));

    public RuleBuilder NotProtocol(byte protocol) =>
        Add(Meta.Load(MetaKey.TransportProtocol, Scratch), Compare.NotEqual(Scratch, NftValue.Byte(protocol)));

    public RuleBuilder IcmpV6Types(byte first, byte last) => Family(isIpv6: true).Protocol(IcmpV6)
        .Add(Payload.IcmpType(Scratch), new RangeMatch(Scratch, NftValue.Byte(first), NftValue.Byte(last)));

    public RuleBuilder Udp(ushort source, ushort destination) => Protocol((byte)ProtocolType.Udp)
        .Add(Payload.SourcePort(Scratch), Compare.Equal(Scratch, NftValue.BigEndian(source)))
        .Add(Payload.DestinationPort(Scratch), Compare.Equal(Scratch, NftValue.BigEndian(destination)));

    public RuleBuilder UdpTo(ushort destination) => Protocol((byte)ProtocolType.Udp)
        .Add(Payload.DestinationPort(Scratch), Compare.Equal(Scratch, NftValue.BigEndian(destination)));

    /// <summary>The address of a side; the family must have been asked before.</summary>
    public RuleBuilder LoadAddress(bool isSource, bool isIpv6) => Add((isSource, isIpv6) switch
    {
        (true, false) => Payload.SourceIPv4(Scratch),
        (false, false) => Payload.DestinationIPv4(Scratch),
        (true, true) => Payload.SourceIPv6(Scratch),
        (false, true) => Payload.DestinationIPv6(Scratch),
    });

    public RuleBuilder AddressIn(bool isSource, bool isIpv6, string set) => LoadAddress(isSource, isIpv6).Add(Lookup.In(set, Scratch));

    public RuleBuilder AddressNotIn(bool isSource, bool isIpv6, string set) =>
        LoadAddress(isSource, isIpv6).Add(Lookup.NotIn(set, Scratch));

    /// <summary>One range, without a set.</summary>
    public RuleBuilder AddressWithin(bool isSource, Cidr range, bool inverted)
    {
        LoadAddress(isSource, range.IsIpv6);
        var (first, last) = (NftValue.Address(range.FirstAddress()), NftValue.Address(range.LastAddress()));
        return range.IsHost
            ? Add(inverted ? Compare.NotEqual(Scratch, first) : Compare.Equal(Scratch, first))
            : Add(new RangeMatch(Scratch, first, last, inverted));
    }

    /// <summary>The protocol must have been asked before.</summary>
    public RuleBuilder LoadPort(bool isSource) => Add(isSource ? Payload.SourcePort(Scratch) : Payload.DestinationPort(Scratch));

    public RuleBuilder PortWithin(bool isSource, PortRange range, bool inverted)
    {
        LoadPort(isSource);
        var (first, last) = (NftValue.BigEndian(range.First), NftValue.BigEndian(range.Last));
        return range.First == range.Last
            ? Add(inverted ? Compare.NotEqual(Scratch, first) : Compare.Equal(Scratch, first))
            : Add(new RangeMatch(Scratch, first, last, inverted));
    }

    public RuleBuilder PortIn(bool isSource, string set, bool inverted) =>
        LoadPort(isSource).Add(inverted ? Lookup.NotIn(set, Scratch) : Lookup.In(set, Scratch));

    /// <summary>Address, protocol and port of a side as one key.</summary>
    public RuleBuilder AddressPortIn(bool isSource, bool isIpv6, string set, bool inverted)
    {
        var afterAddress = isIpv6 ? 4 : 1;
        LoadAddress(isSource, isIpv6);
        Add(Meta.Load(MetaKey.TransportProtocol, NftRegister.Word(afterAddress)));
        Add(isSource ? Payload.SourcePort(NftRegister.Word(afterAddress + 1))
            : Payload.DestinationPort(NftRegister.Word(afterAddress + 1)));
        return Add(inverted ? Lookup.NotIn(set, Scratch) : Lookup.In(set, Scratch));
    }

    public RuleBuilder Icmp(IcmpTypeCode icmp, bool inverted)
    {
        var value = icmp.Code is { } code ? new NftValue(new[] { icmp.Type, code }) : NftValue.Byte(icmp.Type);
        Add(icmp.Code is null ? Payload.IcmpType(Scratch) : Payload.IcmpTypeAndCode(Scratch));
        return Add(inverted ? Compare.NotEqual(Scratch, value) : Compare.Equal(Scratch, value));
    }

    public RuleBuilder ConnectionState(string verdicts) =>
        Add(Connection.Load(ConntrackKey.State, Scratch), Lookup.Verdict(verdicts, Scratch));

    /// <summary>Looks a number up by interface name and then a verdict by that number.</summary>
    /// <remarks>The number travels through the packet's mark for nft alone: nft 1.0.6 aborts on listing a rule in which a map's result
    /// feeds a lookup directly, and <c>nft list ruleset</c> would die on the whole host. The mark is restored before the verdict, and
    /// what can break the rule (an interface without a program) does so before the first change.</remarks>
    public RuleBuilder Dispatch(MetaKey name, string programs, string verdicts)
    {
        var (key, saved, number) = (NftRegister.Word(4), NftRegister.Word(8), NftRegister.Word(9));
        return Add(Meta.Load(MetaKey.Mark, saved), Meta.Load(name, key), Lookup.Data(programs, key, number), Meta.Set(MetaKey.Mark, number),
            Meta.Load(MetaKey.Mark, Word0), Meta.Set(MetaKey.Mark, saved), Lookup.Verdict(verdicts, Word0));
    }

    /// <summary>Looks the first byte of the destination up; the rest of the key is zero.</summary>
    public RuleBuilder DestinationHeadIn(bool isIpv6, string set)
    {
        var mask = new byte[isIpv6 ? 16 : 4];
        mask[0] = 0xff;
        return Family(isIpv6).LoadAddress(isSource: false, isIpv6).Add(Bitwise.And(Scratch, new(mask)), Lookup.In(set, Scratch));
    }

    /// <summary>The destination is no address of this host.</summary>
    public RuleBuilder DestinationIsNotLocal() => Add(
        new Fib(FibInput.Destination, FibResult.AddressType, Scratch), Compare.NotEqual(Scratch, NftValue.Native(RouteTypeLocal)));

    /// <summary>The destination is an address of this host.</summary>
    public RuleBuilder DestinationIsLocal() => Add(
        new Fib(FibInput.Destination, FibResult.AddressType, Scratch), Compare.Equal(Scratch, NftValue.Native(RouteTypeLocal)));

    /// <summary>The packet's source is not reached through where the packet came from.</summary>
    public RuleBuilder Spoofed() => Add(Fib.ReversePath(Scratch), Compare.Equal(Scratch, NftValue.Native(0)));

    public RuleBuilder NameAndSourceIn(bool isIpv6, string set) => Add(
        Meta.Load(MetaKey.IncomingName, Scratch),
        isIpv6 ? Payload.SourceIPv6(NftRegister.Word(4)) : Payload.SourceIPv4(NftRegister.Word(4)),
        Lookup.In(set, Scratch));

    public RuleBuilder NameIs(MetaKey name, string link) => Add(Meta.Load(name, Scratch), Compare.Equal(Scratch, NftValue.LinkName(link)));

    /// <summary>Protocol and port of a side as one key: of a packet without ports no key is in the set.</summary>
    public RuleBuilder ProtocolPortIn(bool isSource, string set) => Add(Meta.Load(MetaKey.TransportProtocol, Word0),
        isSource ? Payload.SourcePort(NftRegister.Word(1)) : Payload.DestinationPort(NftRegister.Word(1)), Lookup.In(set, Scratch));

    /// <summary>The connection is in one of these states. Untracked packets have a state too.</summary>
    public RuleBuilder StateIn(ConntrackStates states) => Add(Connection.Load(ConntrackKey.State, Scratch),
        Bitwise.And(Scratch, NftValue.Native((uint)states)), Compare.NotEqual(Scratch, NftValue.Native(0)));

    /// <summary>The destination was translated. An untracked packet does not match.</summary>
    public RuleBuilder DestinationTranslated() => Add(Connection.Load(ConntrackKey.Status, Scratch),
        Bitwise.And(Scratch, NftValue.Native((uint)ConntrackStatuses.DestinationNat)), Compare.NotEqual(Scratch, NftValue.Native(0)));

    /// <summary>It came in by some interface: nobody's own.</summary>
    public RuleBuilder CameIn() => Add(Meta.Load(MetaKey.IncomingIndex, Scratch), Compare.NotEqual(Scratch, NftValue.Native(0)));

    public RuleBuilder MarkHas(uint bit) => Add(Meta.Load(MetaKey.Mark, Scratch), Bitwise.And(Scratch, NftValue.Native(bit)),
        Compare.NotEqual(Scratch, NftValue.Native(0)));

    public RuleBuilder SetMark(uint bit) =>
        Add(Meta.Load(MetaKey.Mark, Scratch), Bitwise.Or(Scratch, bit), Meta.Set(MetaKey.Mark, Scratch));

    public RuleBuilder ClearMark(uint bits) => Add(
        Meta.Load(MetaKey.Mark, Scratch), Bitwise.And(Scratch, NftValue.Native(~bits)), Meta.Set(MetaKey.Mark, Scratch));
}

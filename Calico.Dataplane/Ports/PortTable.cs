using System.Collections.Immutable;
using System.Net;
using Calico.Dataplane.Translation;
using Calico.Felix;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Ports;

/// <summary>The table that leads published ports to workloads, as it should be.</summary>
/// <remarks>
/// A port is an element of a map, no rule: the rules stand whatever is published. Translated is only what goes to an address of this host
/// (CVE-2025-67499), and never what comes in for 127.0.0.0/8 (CVE-2025-54388): others may have opened <c>route_localnet</c> for the whole
/// host. Policy judges afterwards, by the workload's own address and port (CVE-2019-9946). A source is hidden in two cases only: 127.0.0.1,
/// which is nobody's outside the host, and a workload that comes to itself.
/// </remarks>
internal sealed class PortTable
{
    // Of nftables' names for priorities: dstnat, the same at output, srcnat.
    private const int DestinationNatPriority = -100;
    private const int SourceNatPriority = 100;

    private const string Prerouting = "prerouting";
    private const string Output = "output";
    private const string Postrouting = "postrouting";

    /// <summary>By its key in its map: whose a port is.</summary>
    private readonly Dictionary<(string Map, NftValue Key), WorkloadEndpointId> _owners = [];

    private readonly Dictionary<WorkloadEndpointId, ImmutableArray<PortMapping>> _mappings = [];

    public PortTable(DataplaneOptions options)
    {
        Ruleset = new(new(NftFamily.Inet, options.PortsTableName));
        foreach (var isIpv6 in new[] { false, true })
        {
            var address = isIpv6 ? NftDataType.IPv6Address : NftDataType.IPv4Address;
            var target = Target(address);
            Define(NftSet.Map(MapOf(isIpv6, isCertain: true), target, address, NftDataType.Protocol, NftDataType.Service));
            Define(NftSet.Map(MapOf(isIpv6, isCertain: false), target, NftDataType.Protocol, NftDataType.Service));
            Define(NftSet.Of(HairpinOf(isIpv6), address, address));
        }

        NftRule[] translations = [.. Translations(isIpv6: false), .. Translations(isIpv6: true)];
        Ruleset.SetChain(Prerouting, [FromOutsideToLoopback(), .. translations], new(NftChainType.Nat, NftHook.Prerouting,
            DestinationNatPriority));
        Ruleset.SetChain(Output, [.. translations], new(NftChainType.Nat, NftHook.Output, DestinationNatPriority));
        Ruleset.SetChain(Postrouting, [.. Hides(options.InterfacePrefix)], new(NftChainType.Nat, NftHook.Postrouting, SourceNatPriority));
    }

    public Ruleset Ruleset { get; }

    /// <summary>Nobody publishes anything.</summary>
    public bool IsEmpty => _owners.Count == 0;

    public ImmutableArray<PortMapping> MappingsOf(WorkloadEndpointId id) => _mappings.GetValueOrDefault(id, []);

    /// <summary>Makes an endpoint's ports these and no others. A port that another endpoint has stays the other's.</summary>
    public void Set(WorkloadEndpointId id, ImmutableArray<PortMapping> mappings)
    {
        var former = MappingsOf(id);
        foreach (var gone in former.Except(mappings).Where(m => _owners.GetValueOrDefault(PlaceOf(m)) == id))
        {
            _owners.Remove(PlaceOf(gone));
            Ruleset.RemoveElement(PlaceOf(gone).Map, gone.Element);
        }

        foreach (var mapping in mappings)
        {
            if (_owners.TryAdd(PlaceOf(mapping), id) || _owners[PlaceOf(mapping)] == id)
            {
                Ruleset.AddElement(PlaceOf(mapping).Map, mapping.Element);
            }
        }

        foreach (var gone in former.Select(m => m.Address).Except(mappings.Select(m => m.Address)))
        {
            Ruleset.RemoveElement(HairpinOf(IsIpv6(gone)), ToItself(gone));
        }

        foreach (var address in mappings.Select(m => m.Address).Distinct())
        {
            Ruleset.AddElement(HairpinOf(IsIpv6(address)), ToItself(address));
        }

        if (mappings.IsEmpty)
        {
            _mappings.Remove(id);
        }
        else
        {
            _mappings[id] = mappings;
        }
    }

    private static (string Map, NftValue Key) PlaceOf(PortMapping mapping) =>
        (MapOf(mapping.IsIpv6, mapping.HostAddress is not null), mapping.Key);

    private static string MapOf(bool isIpv6, bool isCertain) => (isCertain ? "address-ports-" : "ports-") + (isIpv6 ? "6" : "4");

    private static string HairpinOf(bool isIpv6) => "hairpin-" + (isIpv6 ? "6" : "4");

    private static bool IsIpv6(IPAddress address) => address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;

    private static NftElement ToItself(IPAddress address) => NftElement.Of(NftValue.Concat(NftValue.Address(address),
        NftValue.Address(address)));

    /// <summary>Address and port as one value. nft numbers it by its parts, six bits each; the port takes a whole word.</summary>
    private static NftDataType Target(NftDataType address) =>
        new((address.Id << 6) | NftDataType.Service.Id, address.Length + sizeof(uint), NftByteOrder.Unknown);

    /// <summary>An endpoint that goes stops at once.</summary>
    private void Define(NftSet definition) => Ruleset.DefineSet(definition).LeavesAtOnce = true;

    /// <summary>What a process of the host sends to 127.0.0.1 goes through output alone.</summary>
    private static NftRule FromOutsideToLoopback() => new RuleBuilder().Family(isIpv6: false).LoadAddress(isSource: false, isIpv6: false)
        .Add(Bitwise.And(NftRegister.Wide(1), NftValue.BigEndian(0xff000000u)), Compare.Equal(NftRegister.Wide(1),
            NftValue.BigEndian(0x7f000000u)))
        .Accept();

    /// <summary>A port of a certain address goes before one of all.</summary>
    private static IEnumerable<NftRule> Translations(bool isIpv6)
    {
        var words = isIpv6 ? 4 : 1;
        foreach (var isCertain in new[] { true, false })
        {
            var rule = new RuleBuilder().Family(isIpv6).DestinationIsLocal();
            if (isCertain)
            {
                rule.LoadAddress(isSource: false, isIpv6);
            }

            var at = isCertain ? words : 0;
            yield return rule.Add(Meta.Load(MetaKey.TransportProtocol, NftRegister.Word(at)),
                Payload.DestinationPort(NftRegister.Word(at + 1)),
                    Lookup.Data(MapOf(isIpv6, isCertain), NftRegister.Wide(1), NftRegister.Wide(1)))
                .End("", Nat.Destination(isIpv6 ? NftFamily.IPv6 : NftFamily.IPv4, NftRegister.Wide(1), NftRegister.Word(words)));
        }
    }

    private static IEnumerable<NftRule> Hides(string prefix)
    {
        yield return new RuleBuilder().Family(isIpv6: false).OutgoingPrefix(prefix).LoadAddress(isSource: true, isIpv6: false)
            .Add(Bitwise.And(NftRegister.Wide(1), NftValue.BigEndian(0xff000000u)), Compare.Equal(NftRegister.Wide(1),
                NftValue.BigEndian(0x7f000000u)))
            .End("", new Masquerade());
        foreach (var isIpv6 in new[] { false, true })
        {
            yield return new RuleBuilder().Family(isIpv6).DestinationTranslated().LoadAddress(isSource: true, isIpv6)
                .Add(isIpv6 ? Payload.DestinationIPv6(NftRegister.Word(4)) : Payload.DestinationIPv4(NftRegister.Word(1)),
                    Lookup.In(HairpinOf(isIpv6), NftRegister.Wide(1)))
                .End("", new Masquerade());
        }
    }
}

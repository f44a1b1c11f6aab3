using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>IP sets as sets of our table, one a family.</summary>
/// <remarks>A set of ranges does not change: the kernel misses lookups while it does, and takes an overlapping range only after the former
/// one. One with other ranges is another set, named by its content, and the rules that ask it are written anew with it.</remarks>
internal sealed class IpSetTranslator(Ruleset ruleset)
{
    private readonly Dictionary<string, IpSetType> _types = new(StringComparer.Ordinal);

    /// <summary>Members of the sets of ranges: what the kernel holds of them is only their cover.</summary>
    private readonly Dictionary<string, HashSet<Cidr>> _ranges = new(StringComparer.Ordinal);

    /// <summary>Sets of our table that stand for ranges, by set and family.</summary>
    private readonly Dictionary<(string Id, bool IsIpv6), string> _names = [];

    /// <summary>The set of our table that stands for a family of an IP set.</summary>
    public string NameOf(string id, bool isIpv6) =>
        _names.GetValueOrDefault((id, isIpv6)) ?? Names.IpSet(id, _types.GetValueOrDefault(id, IpSetType.Nets), isIpv6);

    /// <summary>The same of both; none: it is not there.</summary>
    public List<string> NamesOf(string id) => _types.ContainsKey(id) ? [NameOf(id, isIpv6: false), NameOf(id, isIpv6: true)] : [];

    /// <summary>Whether a set of ranges has members of each family.</summary>
    public (bool Ipv4, bool Ipv6) HasMembers(string id) => _ranges.TryGetValue(id, out var ranges)
        ? (ranges.Any(r => !r.IsIpv6), ranges.Any(r => r.IsIpv6))
        : (false, false);

    /// <summary>Whether a set holds an address, or address, protocol and port; of a set of ranges, whether one of them holds the address.
    /// </summary>
    public bool Contains(string id, IpSetMember member) => _types.TryGetValue(id, out var type) && (type == IpSetType.Nets
        ? _ranges.TryGetValue(id, out var ranges) && ranges.Any(r => r.Contains(member.Address))
        : ruleset.Sets[NameOf(id, member.Address.IsIpv6)].Contains(Element(member)));

    public void Apply(IpSetUpdate update)
    {
        if (_types.TryAdd(update.Id, update.Type) || _types[update.Id] != update.Type)
        {
            _types[update.Id] = update.Type;
            _ranges.Remove(update.Id);
            _names.Remove((update.Id, false));
            _names.Remove((update.Id, true));
            if (update.Type != IpSetType.Nets)
            {
                ruleset.DefineSet(Definition(update.Id, update.Type, isIpv6: false));
                ruleset.DefineSet(Definition(update.Id, update.Type, isIpv6: true));
            }
        }

        if (update.Type == IpSetType.Nets)
        {
            ApplyRanges(update);
            return;
        }

        // A set may hold a hundred thousand members, and has two names.
        var (name4, name6) = (Names.IpSet(update.Id, update.Type, isIpv6: false), Names.IpSet(update.Id, update.Type, isIpv6: true));
        foreach (var member in update.Removed)
        {
            ruleset.RemoveElement(member.Address.IsIpv6 ? name6 : name4, Element(member));
        }

        foreach (var member in update.Added)
        {
            ruleset.AddElement(member.Address.IsIpv6 ? name6 : name4, Element(member));
        }
    }

    public void Remove(string id)
    {
        RemoveSets(NamesOf(id));
        _types.Remove(id);
        _ranges.Remove(id);
        _names.Remove((id, false));
        _names.Remove((id, true));
    }

    /// <summary>Takes away what stood for a set before.</summary>
    public void RemoveSets(IEnumerable<string> formerNames)
    {
        foreach (var name in formerNames)
        {
            ruleset.RemoveSet(name);
        }
    }

    /// <summary>Says how rules ask a set.</summary>
    public void SetAbsence(string id, bool asksAbsence)
    {
        foreach (var name in NamesOf(id))
        {
            ruleset.Sets[name].AsksAbsence = asksAbsence;
        }
    }

    private void ApplyRanges(IpSetUpdate update)
    {
        if (!_ranges.TryGetValue(update.Id, out var ranges))
        {
            _ranges.Add(update.Id, ranges = []);
        }

        ranges.ExceptWith(update.Removed.Items.Select(m => m.Address));
        ranges.UnionWith(update.Added.Items.Select(m => m.Address));
        foreach (var isIpv6 in new[] { false, true })
        {
            var cover = DisjointRanges.Cover(ranges.Where(r => r.IsIpv6 == isIpv6));
            var name = Names.IpSet(update.Id, isIpv6, string.Join(',', cover.Select(r => r.ToShortString())));
            _names[(update.Id, isIpv6)] = name;
            ruleset.DefineSet(NftSet.Of(name, isIpv6 ? NftDataType.IPv6Address : NftDataType.IPv4Address) with { Interval = true });
            ruleset.ReplaceElements(name, DisjointRanges.Elements(cover));
        }
    }

    private static NftSet Definition(string id, IpSetType type, bool isIpv6)
    {
        var (name, address) = (Names.IpSet(id, type, isIpv6), isIpv6 ? NftDataType.IPv6Address : NftDataType.IPv4Address);
        return type switch
        {
            IpSetType.HostPorts => NftSet.Of(name, address, NftDataType.Protocol, NftDataType.Service),
            _ => NftSet.Of(name, address),
        };
    }

    private static NftElement Element(IpSetMember member) => member.Port == 0
        ? NftElement.Of(NftValue.Address(member.Address.FirstAddress()))
        : NftElement.Of(NftValue.Concat(NftValue.Address(member.Address.FirstAddress()), NftValue.Byte(member.Protocol),
            NftValue.BigEndian(member.Port)));
}

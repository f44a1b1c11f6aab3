using System.Diagnostics.CodeAnalysis;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>Where IPAM's values stand in the store. Upstream's keys; they are not resources and have no metadata.</summary>
public static class IpamKeys
{
    public const string Root = "/calico/ipam/v2/";
    public const string Config = Root + "config";
    public const string Handles = Root + "handle/";
    public const string Hosts = Root + "host/";
    public const string Assignments = Root + "assignment/";

    private const string VirtualHosts = Root + "virtual/";

    /// <summary>Key of a block.</summary>
    /// <param name="cidr">Canonical, e.g. <c>10.0.0.0/26</c>.</param>
    public static string Block(string cidr) => $"{Assignments}{Family(cidr)}/block/{Escape(cidr)}";

    /// <summary>Prefix of all blocks of a family.</summary>
    /// <param name="ipVersion">4 or 6.</param>
    public static string Blocks(int ipVersion) => $"{Assignments}ipv{ipVersion}/block/";

    /// <summary>Key of an owner's affinity to a block.</summary>
    /// <param name="name">A node, or a pseudo-node.</param>
    /// <param name="isVirtual">Whether it is a pseudo-node.</param>
    /// <param name="cidr">Canonical.</param>
    public static string Affinity(string name, bool isVirtual, string cidr) =>
        $"{(isVirtual ? VirtualHosts : Hosts)}{name}/{Family(cidr)}/block/{Escape(cidr)}";

    /// <summary>Prefix of all affinities of an owner and family.</summary>
    public static string Affinities(string name, bool isVirtual, int ipVersion) =>
        $"{(isVirtual ? VirtualHosts : Hosts)}{name}/ipv{ipVersion}/block/";

    /// <summary>Key of a handle.</summary>
    public static string Handle(string id) => Handles + id;

    /// <summary>The marker that a node has been seen by IPAM.</summary>
    public static string Host(string node) => Hosts + node;

    /// <summary>Name under which an affinity travels through sync: <c>host:node1/10.0.0.0/26</c>.</summary>
    public static string AffinityName(string owner, string cidr) => $"{owner}/{cidr}";

    /// <summary>Takes a block key apart.</summary>
    public static bool TryParseBlock(string key, [NotNullWhen(true)] out string? cidr)
    {
        cidr = null;
        return key.StartsWith(Assignments, StringComparison.Ordinal)
            && TryParseBlockTail(key[Assignments.Length..], out cidr);
    }

    /// <summary>Takes an affinity key apart.</summary>
    /// <param name="key">The key.</param>
    /// <param name="owner"><c>host:&lt;node&gt;</c> or <c>virtual:&lt;name&gt;</c>, as in a block's affinity.</param>
    /// <param name="cidr">The block.</param>
    public static bool TryParseAffinity(string key, [NotNullWhen(true)] out string? owner, [NotNullWhen(true)] out string? cidr)
    {
        (owner, cidr) = (null, null);
        var (kind, prefix) = key.StartsWith(Hosts, StringComparison.Ordinal) ? ("host", Hosts) : ("virtual", VirtualHosts);
        if (!key.StartsWith(prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = key[prefix.Length..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || !TryParseBlockTail(rest[(slash + 1)..], out cidr))
        {
            return false;
        }

        owner = $"{kind}:{rest[..slash]}";
        return true;
    }

    private static bool TryParseBlockTail(string tail, [NotNullWhen(true)] out string? cidr)
    {
        cidr = null;
        var escaped = tail.StartsWith("ipv4/block/", StringComparison.Ordinal) || tail.StartsWith("ipv6/block/", StringComparison.Ordinal)
            ? tail["ipvN/block/".Length..]
            : "";
        var dash = escaped.LastIndexOf('-');
        if (dash <= 0 || escaped.Contains('/', StringComparison.Ordinal))
        {
            return false;
        }

        cidr = $"{escaped[..dash]}/{escaped[(dash + 1)..]}";
        return true;
    }

    private static string Family(string cidr) => cidr.Contains(':', StringComparison.Ordinal) ? "ipv6" : "ipv4";

    private static string Escape(string cidr) => cidr.Replace('/', '-');
}

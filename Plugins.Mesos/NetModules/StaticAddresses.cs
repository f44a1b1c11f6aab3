using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Calico.Plugins.Mesos.Containers;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>Addresses that a task asks for by its labels.</summary>
internal static class StaticAddresses
{
    /// <summary>A Python list of texts.</summary>
    private const string Label = "ipv4_addrs";

    /// <summary>Of Mesos 0.24: one address, or <c>auto</c>.</summary>
    private const string OldLabel = "network_isolator.ip";

    private const string OldGroupsLabel = "network_isolator.netgroups";

    // A task's word: its length is the time that reading it takes.
    private static readonly Regex List = new(
        """\A\s*\[\s*(u?('[^']*'|"[^"]*")\s*(,\s*u?('[^']*'|"[^"]*")\s*)*,?\s*)?\]\s*\z""", RegexOptions.NonBacktracking);

    private static readonly Regex Quoted = new("""['"](?<text>[^'"]*)['"]""", RegexOptions.NonBacktracking);

    /// <returns>At most <see cref="AddressLeases.MaxCount"/>, each once.</returns>
    public static ImmutableArray<IPAddress> Of(ImmutableArray<KeyValuePair<string, string>> labels)
    {
        var addresses = new HashSet<IPAddress>();
        foreach (var (key, value) in labels)
        {
            if (key == Label)
            {
                addresses.UnionWith(ListIn(value).Select(a => Arguments.Address(a, AddressFamily.InterNetwork)));
            }
            else if (key == OldLabel && value is not ("" or "auto"))
            {
                addresses.Add(Arguments.Address(value, AddressFamily.InterNetwork));
            }
        }

        return addresses.Count <= AddressLeases.MaxCount
            ? [.. addresses]
            : throw new NetModulesException($"{addresses.Count} addresses are asked for by label; at most {AddressLeases.MaxCount} can be");
    }

    private static IEnumerable<string> ListIn(string value) => List.IsMatch(value)
        ? Quoted.Matches(value).Select(m => m.Groups["text"].Value)
        : throw new NetModulesException($"Calico detected a malformed ipv4_addrs field in a label: {value}");

    /// <summary>Groups of the command; of Mesos 0.24's label where it names none.</summary>
    public static ImmutableArray<string> GroupsOf(ImmutableArray<string> netgroups, ImmutableArray<KeyValuePair<string, string>> labels) =>
        !netgroups.IsEmpty ? netgroups
        : [.. labels.Where(l => l.Key == OldGroupsLabel)
            .SelectMany(l => l.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Distinct()];
}

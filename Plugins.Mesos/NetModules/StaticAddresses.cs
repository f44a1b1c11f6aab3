using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>Addresses that a task asks for by its labels.</summary>
internal static partial class StaticAddresses
{
    /// <summary>A Python list of texts.</summary>
    private const string Label = "ipv4_addrs";

    /// <summary>Of Mesos 0.24: one address, or <c>auto</c>.</summary>
    private const string OldLabel = "network_isolator.ip";

    private const string OldGroupsLabel = "network_isolator.netgroups";

    public static ImmutableArray<IPAddress> Of(ImmutableArray<KeyValuePair<string, string>> labels)
    {
        var addresses = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var (key, value) in labels)
        {
            if (key == Label)
            {
                if (!PythonList().IsMatch(value))
                {
                    throw new NetModulesException($"Calico detected a malformed ipv4_addrs field in a label: {value}");
                }

                addresses.AddRange(Quoted().Matches(value)
                    .Select(m => Arguments.Address(m.Groups["text"].Value, AddressFamily.InterNetwork)));
            }
            else if (key == OldLabel && value is not ("" or "auto"))
            {
                addresses.Add(Arguments.Address(value, AddressFamily.InterNetwork));
            }
        }

        return [.. addresses.Distinct()];
    }

    /// <summary>Groups of the command; of Mesos 0.24's label where it names none.</summary>
    public static ImmutableArray<string> GroupsOf(ImmutableArray<string> netgroups, ImmutableArray<KeyValuePair<string, string>> labels) =>
        !netgroups.IsEmpty ? netgroups
        : [.. labels.Where(l => l.Key == OldGroupsLabel)
            .SelectMany(l => l.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Distinct()];

    [GeneratedRegex("""\A\s*\[\s*(u?('[^']*'|"[^"]*")\s*(,\s*u?('[^']*'|"[^"]*")\s*)*,?\s*)?\]\s*\z""")]
    private static partial Regex PythonList();

    [GeneratedRegex("""['"](?<text>[^'"]*)['"]""")]
    private static partial Regex Quoted();
}

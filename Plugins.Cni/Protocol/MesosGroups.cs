using System.Collections.Immutable;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>Network groups of a Mesos task as profiles, whichever way the task gets its network.</summary>
/// <remarks>A group is a task's word: it leads into no profile that is somebody else's, and changes none.</remarks>
internal static class MesosGroups
{
    /// <summary>The group that lets everybody in.</summary>
    public const string Public = "public";

    /// <summary>What the profiles of published ports begin with.</summary>
    public const string PortsPrefix = "publish.";

    /// <summary>What the machine's own profile begins with.</summary>
    public const string MachinePrefix = "default_";

    private const int MaxName = 128;

    /// <summary>Docker's id of a network, by which its profile is called.</summary>
    private const int DockerId = 64;

    // Of Kubernetes namespaces and service accounts, of published ports and machines, and upstream's profile that allows everything.
    private static readonly string[] OthersPrefixes = ["kns.", "ksa.", PortsPrefix, "projectcalico-", MachinePrefix];

    // A group is a label of its members, too: none that policy trusts because only Calico or Kubernetes give it.
    private static readonly string[] ReservedDomains = ["projectcalico.org", "kubernetes.io", "k8s.io"];

    /// <summary>Why it can be no group; null: it can.</summary>
    public static string? FaultOf(string group)
    {
        if (group.Length is 0 or > MaxName || group.Any(char.IsControl))
        {
            return $"'{group}' is no name of a group: 1 to {MaxName} characters";
        }

        if (OthersPrefixes.FirstOrDefault(p => group.StartsWith(p, StringComparison.OrdinalIgnoreCase)) is { } taken)
        {
            return $"group '{group}': profiles that '{taken}' begins the name of are others'";
        }

        if (group.Length == DockerId && group.All(char.IsAsciiHexDigit))
        {
            return $"group '{group}': profiles that are called like that are Docker networks'";
        }

        return group.IndexOf('/') is >= 0 and var slash && ReservedDomains.Any(d => IsOf(group[..slash], d))
            ? $"group '{group}': labels of {group[..slash]} are not a task's to take"
            : null;
    }

    /// <summary>The most important first, each once.</summary>
    public static IEnumerable<string> InOrder(IEnumerable<string> groups) => groups.Distinct().OrderBy(g => g == Public ? 0 : 1);

    /// <summary>What its profile says when it is made: members reach each other and everything outside. One that stands stays as
    /// internal as it is.</summary>
    public static ProfileDefaults DefaultsOf(string group) =>
        new(false, ImmutableSortedDictionary<string, string>.Empty.Add(group, "")) { KeepsInternal = true, OpenIngress = group == Public };

    private static bool IsOf(string domain, string reserved) => domain.Equals(reserved, StringComparison.OrdinalIgnoreCase)
        || domain.EndsWith("." + reserved, StringComparison.OrdinalIgnoreCase);
}

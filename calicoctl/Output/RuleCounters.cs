using System.Collections.Immutable;
using System.Globalization;
using Calico.Cli.Connection;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.Cli.Output;

/// <summary><c>get policy -o counters</c>: what each rule of policies and profiles met in this node's kernel.</summary>
internal static class RuleCounters
{
    /// <summary>What <c>-o</c> says.</summary>
    internal const string Form = "counters";

    /// <summary>Refuses kinds without rules, before anything is read.</summary>
    internal static void Check(IEnumerable<ResourceKind> kinds)
    {
        if (kinds.FirstOrDefault(kind => !HasRules(kind)) is { } other)
        {
            throw new CliException($"-o {Form}: {other.Name} has no rules that count; policies, staged policies and profiles have");
        }
    }

    /// <summary>Prints a line a rule, those of ingress first.</summary>
    /// <param name="environment">Where to, and the host's socket.</param>
    /// <param name="groups">Policies and profiles, as they stand in the store.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="HostAwayException">The counters are the host's.</exception>
    internal static async Task WriteAsync(CliEnvironment environment, IEnumerable<PrintableResources> groups, CancellationToken ct)
    {
        var counted = (await HostClient.GetAsync(environment.HostSocket, "/rules", HostJson.Default.HostRuleArray, ct))
            .ToLookup(rule => rule.Policy, StringComparer.Ordinal);
        var table = new TextTable("POLICY", "DIRECTION", "RULE", "PACKETS", "BYTES", "WHAT");
        foreach (var (kind, resource) in groups.SelectMany(group => group.Items, (group, resource) => (group.Kind, resource)))
        {
            var key = kind.KeyOf(resource);
            var name = key.Namespace.Length > 0 ? $"{key.Namespace}/{key.Name}" : key.Name;
            var rules = counted[key.ToString()].ToList();
            var (ingress, egress) = RulesOf(resource);
            foreach (var (direction, words) in new[] { ("ingress", ingress), ("egress", egress) })
            {
                // What the kernel has and the store not is of a moment ago; -1 is no rule of the author's.
                var most = rules.Where(rule => rule.Direction == direction).Select(rule => rule.Rule + 1).Append(words.Length).Max();
                var least = rules.Exists(rule => rule.Direction == direction && rule.Rule < 0) ? -1 : 0;
                for (var index = 0; index < most; index++)
                {
                    Add(direction, index, index < words.Length ? RuleWords.Of(words[index]) : "it is not in the store any more");
                }

                if (least < 0)
                {
                    Add(direction, -1, resource.As<IStagedPolicySpec>() is null
                        ? "the whole of it, which cannot be used" : "none of its rules");
                }
            }

            void Add(string direction, int index, string what)
            {
                var found = rules.Find(rule => rule.Direction == direction && rule.Rule == index);
                // What applies to nobody here is not counted; that is not nought.
                table.Add(name, direction, index < 0 ? "-" : Number(index), Number(found?.Packets), Number(found?.Bytes), what);
            }
        }

        table.Write(environment.Output, environment.Width);
    }

    private static bool HasRules(ResourceKind kind) => new ResourceKind[]
    {
        Kinds.NetworkPolicy, Kinds.GlobalNetworkPolicy, Kinds.StagedNetworkPolicy, Kinds.StagedGlobalNetworkPolicy, Kinds.Profile,
    }.Contains(kind);

    private static (ImmutableArray<Rule> Ingress, ImmutableArray<Rule> Egress) RulesOf(Resource resource) =>
        resource.As<IPolicySpec>() is { } policy ? (policy.Ingress ?? [], policy.Egress ?? [])
        : Kinds.Profile.TryRead(resource, out var profile) ? (profile.Spec.Ingress ?? [], profile.Spec.Egress ?? [])
        : ([], []);

    private static string Number(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "-";
}

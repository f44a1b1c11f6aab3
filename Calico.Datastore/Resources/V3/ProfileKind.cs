using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>Profile: rules for endpoints that no policy decides, and labels that they inherit.</summary>
public sealed record ProfileSpec
{
    public ImmutableArray<Rule>? Ingress { get; init; }
    public ImmutableArray<Rule>? Egress { get; init; }
    public ImmutableSortedDictionary<string, string>? LabelsToApply { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Profile: rules for endpoints that no policy decides, and labels that they inherit.</summary>
internal static class ProfileKind
{
    // What upstream gives to interfaces that no profile is said for; always there, never stored.
    private static Resource<ProfileSpec> AllowAll { get; } = new()
    {
        Kind = "Profile",
        Metadata = new() { Name = "projectcalico-default-allow", ResourceVersion = "0" },
        Spec = new() { Ingress = [new() { Action = "Allow" }], Egress = [new() { Action = "Allow" }] },
    };

    internal static ResourceKind<ProfileSpec> Create() => new()
    {
        Name = "Profile",
        Plural = "profiles",
        Aliases = ["pro", "pros"],
        Spec = new(
            List("ingress", RuleShapes.Ingress(global: false), RuleShapes.MaxRules),
            List("egress", RuleShapes.Egress(global: false), RuleShapes.MaxRules),
            Labels("labelsToApply")),
        WideColumns =
        [
            TableColumn.Name,
            new("LABELS", it => it.Object("spec")["labelsToApply"] is { ValueKind: System.Text.Json.JsonValueKind.Object } labels
                ? string.Join(',', labels.EnumerateObject().Select(label => $"{label.Name}={label.Value}").Order(StringComparer.Ordinal))
                : ""),
        ],
        Synthetic = [AllowAll],
    };
}

using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>FelixConfiguration: what the dataplane does on every node, on one, or on those that a selector picks.</summary>
internal static class FelixConfigurationKind
{
    internal static ResourceKind Create() => new ResourceKind<FelixConfigurationSpec>
    {
        Name = "FelixConfiguration",
        Plural = "felixconfigurations",
        Aliases = ["felixconfig", "felixconfigs"],
        Spec = new ObjectShape(FelixConfigurationFields.All)
        {
            Rules = [FelixConfigurationRules.NotTooManyTables],
            SchemaRules = [FelixConfigurationRules.OneKindOfTableRange],
        },
        SchemaRules = [FelixConfigurationRules.SelectorFitsName],
    };
}

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;

namespace Calico.Cli.Output;

/// <summary>Resources that are printed together: one that was named, or a list.</summary>
/// <param name="Kind">Their kind.</param>
/// <param name="Items">The resources.</param>
/// <param name="ListRevision">The store's revision of a list; null: a single resource that was named.</param>
internal sealed record PrintableResources(ResourceKind Kind, ImmutableArray<Resource> Items, long? ListRevision)
{
    /// <summary>The resource, or a list object as upstream has it.</summary>
    internal JsonElement ToJson()
    {
        if (ListRevision is not { } revision)
        {
            return Kind.ToJson(Items[0]);
        }

        var list = new JsonObject
        {
            ["kind"] = Kind.Name + "List",
            ["apiVersion"] = Resource.GroupVersion,
            ["metadata"] = new JsonObject { ["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture) },
            ["items"] = new JsonArray([.. Items.Select(item => JsonObject.Create(Kind.ToJson(item)))]),
        };
        return JsonSerializer.SerializeToElement(list, ResourceJson.TypeInfo<JsonObject>());
    }
}

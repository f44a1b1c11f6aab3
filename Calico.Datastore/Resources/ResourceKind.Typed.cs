using System.Text.Json;

namespace Calico.Datastore.Resources;

/// <summary>A kind whose spec is read into a type.</summary>
public sealed class ResourceKind<TSpec> : ResourceKind where TSpec : class, new()
{
    public override Resource Create(ObjectMeta metadata) => new Resource<TSpec> { Kind = Name, Metadata = metadata };

    private protected override Resource Read(JsonElement json) =>
        json.Deserialize(ResourceJson.TypeInfo<Resource<TSpec>>()) ?? throw new JsonException("null where an object is expected");

    public override JsonElement ToJson(Resource resource) =>
        JsonSerializer.SerializeToElement((Resource<TSpec>)resource, ResourceJson.TypeInfo<Resource<TSpec>>());
}

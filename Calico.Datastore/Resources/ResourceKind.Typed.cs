using System.Text.Json;

namespace Calico.Datastore.Resources;

/// <summary>A kind whose spec is read into a type.</summary>
public sealed class ResourceKind<TSpec> : ResourceKind, IKind<TSpec> where TSpec : class, new()
{
    /// <summary>A short way to read values of which there are a great many; null is what it does not take.</summary>
    internal Func<ReadOnlyMemory<byte>, Resource?>? ReadPlain { get; init; }

    public override Resource<TSpec> Create(ObjectMeta metadata) => this.New(metadata, new());

    /// <inheritdoc cref="ResourceKind.DecodeStored(ReadOnlyMemory{byte})"/>
    public new Resource<TSpec> DecodeStored(ReadOnlyMemory<byte> value) => (Resource<TSpec>)base.DecodeStored(value);

    private protected override Resource Read(JsonElement json)
    {
        try
        {
            var resource = json.Deserialize(ResourceJson.TypeInfo<Resource<TSpec>>())
                ?? throw new JsonException("null where an object is expected");
            // A null that is written out is read as one, whatever the types say; what it lacks validation tells.
            return resource is { Metadata: not null, Spec: not null } ? resource
                : resource with { Metadata = resource.Metadata ?? new() { Name = "" }, Spec = resource.Spec ?? new() };
        }
        catch (Exception e) when (e is not JsonException && ResourceJson.IsUnreadable(e))
        {
            throw new JsonException(e.Message, e);
        }
    }

    private protected override Resource? ReadPlainly(ReadOnlyMemory<byte> value) => ReadPlain?.Invoke(value);

    public override JsonElement ToJson(Resource resource) =>
        JsonSerializer.SerializeToElement((Resource<TSpec>)resource, ResourceJson.TypeInfo<Resource<TSpec>>());
}

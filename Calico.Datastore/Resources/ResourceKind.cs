using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Sync;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources;

/// <summary>All that is to know about a kind of resource: its names, its key in the store, its JSON, what is valid, how it is listed.
/// </summary>
/// <remarks>Immutable and shared. To add a kind is to add one file with one of these and its line in <see cref="Kinds"/>.</remarks>
public abstract class ResourceKind
{
    public const string Root = "/calico/resources/v3/projectcalico.org/";

    private readonly Lazy<ObjectShape> _whole;

    private protected ResourceKind() => _whole = new(CreateShape);

    /// <summary>E.g. <c>IPPool</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Lower case, as in the key, e.g. <c>ippools</c>.</summary>
    public required string Plural { get; init; }

    /// <summary>What users may call it besides its name and plural; lower case.</summary>
    public ImmutableArray<string> Aliases { get; init; } = [];

    public bool Namespaced { get; init; }

    /// <summary>What the spec looks like.</summary>
    public required ObjectShape Spec { get; init; }

    /// <summary>What the status looks like, where the kind has one.</summary>
    public Shape? Status { get; init; }

    /// <summary>What is wrong with a name, or null.</summary>
    public Func<string, string?> NameFormat { get; init; } = NameFormats.Subdomain;

    /// <summary>Rules over the whole resource, e.g. of spec and name.</summary>
    public ImmutableArray<ObjectCheck> Rules { get; init; } = [];

    /// <summary>Rules of upstream's CRD layer over the whole resource.</summary>
    public ImmutableArray<ObjectCheck> SchemaRules { get; init; } = [];

    /// <summary>Columns of the plain listing.</summary>
    public ImmutableArray<TableColumn> Columns { get; init; } = [TableColumn.Name];

    /// <summary>Columns of the wide listing; empty: as the plain one.</summary>
    public ImmutableArray<TableColumn> WideColumns { get; init; } = [];

    /// <summary>What a client has to see to beyond validity.</summary>
    public ClientRules ClientRules { get; init; } = ClientRules.None;

    /// <summary>Resources that are always there and never stored.</summary>
    public ImmutableArray<Resource> Synthetic { get; init; } = [];

    /// <summary>What is put into a resource only in the store; undone by <see cref="AfterRead"/>.</summary>
    public Func<Resource, Resource> BeforeStore { get; init; } = resource => resource;

    /// <summary>What is taken out of a resource that was stored.</summary>
    public Func<Resource, Resource> AfterRead { get; init; } = resource => resource;

    /// <summary>Every key of this kind starts so.</summary>
    public string Prefix => $"{Root}{Plural}/";

    /// <summary>Key in the store.</summary>
    public string Path(ResourceKey key) => Namespaced ? $"{Prefix}{key.Namespace}/{key.Name}" : Prefix + key.Name;

    /// <summary>Whether that is <see cref="Path"/>, which is not made for it.</summary>
    public bool IsPath(ResourceKey key, string path)
    {
        var rest = path.AsSpan();
        return Takes(ref rest, Root) && Takes(ref rest, Plural) && Takes(ref rest, "/")
            && (!Namespaced || Takes(ref rest, key.Namespace) && Takes(ref rest, "/")) && rest.SequenceEqual(key.Name);
    }

    private static bool Takes(ref ReadOnlySpan<char> rest, string start)
    {
        var takes = rest.StartsWith(start);
        rest = takes ? rest[start.Length..] : rest;
        return takes;
    }

    /// <summary>Takes a key of this kind apart.</summary>
    public bool TryParsePath(string path, out ResourceKey key)
    {
        key = default;
        var rest = path.AsSpan();
        if (!rest.StartsWith(Root) || !rest[Root.Length..].StartsWith(Plural)
            || rest[(Root.Length + Plural.Length)..] is not ['/', .. var behind])
        {
            return false;
        }

        rest = behind;
        var slash = rest.IndexOf('/');
        if (rest.IsEmpty || (Namespaced ? slash <= 0 || slash == rest.Length - 1 : slash >= 0))
        {
            return false;
        }

        key = Namespaced ? new(Name, rest[..slash].ToString(), rest[(slash + 1)..].ToString()) : new(Name, "", rest.ToString());
        return true;
    }

    /// <summary>Identity of the resource that is called so.</summary>
    public ResourceKey Key(string name) => new(Name, "", name);

    /// <inheritdoc cref="Key(string)"/>
    /// <param name="ns">Its namespace; passed over where the kind has none.</param>
    /// <param name="name">Its name.</param>
    public ResourceKey Key(string ns, string name) => new(Name, Namespaced ? ns : "", name);

    /// <summary>Identity of a resource of this kind.</summary>
    public ResourceKey KeyOf(Resource resource) =>
        Key(resource.Metadata.Namespace ?? "", resource.Metadata.Name);

    /// <summary>A resource of this kind with nothing but metadata.</summary>
    public abstract Resource Create(ObjectMeta metadata);

    /// <summary>Reads a resource and fills in defaults and canonical spellings; what is invalid in it stays.</summary>
    /// <exception cref="JsonException">It is not JSON of this kind's shape.</exception>
    public Resource Decode(JsonElement json) => Read(Complete(json, out _));

    /// <summary>Reads a value of the store, with defaults filled in.</summary>
    /// <exception cref="JsonException">It is not JSON of this kind's shape.</exception>
    public Resource DecodeStored(ReadOnlyMemory<byte> value)
    {
        using var document = ResourceJson.Parse(value);
        return AfterRead(Decode(document.RootElement));
    }

    /// <summary>Reads a value of the store if it is valid; one pass over it where nothing has to be filled in.</summary>
    /// <param name="value">The stored bytes.</param>
    /// <param name="errors">What is wrong with it; then the result is null.</param>
    /// <exception cref="JsonException">It is not JSON of this kind's shape.</exception>
    public Resource? DecodeStored(ReadOnlyMemory<byte> value, out ImmutableArray<ValidationError> errors)
    {
        if (ReadPlainly(value) is { } plain)
        {
            errors = [];
            return AfterRead(plain);
        }

        return ReadWhole(value, out errors);
    }

    /// <summary>As <see cref="DecodeStored(ReadOnlyMemory{byte}, out ImmutableArray{ValidationError})"/>, the long way.</summary>
    internal Resource? ReadWhole(ReadOnlyMemory<byte> value, out ImmutableArray<ValidationError> errors)
    {
        using var document = ResourceJson.Parse(value);
        var json = Complete(document.RootElement, out var report);
        errors = (report.Incomplete ? Check(json, new ShapeReport()) : report).Errors;
        return errors.IsEmpty ? AfterRead(Read(json)) : null;
    }

    /// <summary>The resource as JSON, as shown to users.</summary>
    public abstract JsonElement ToJson(Resource resource);

    /// <summary>The resource as stored: kind and version set, no resource version.</summary>
    public byte[] Encode(Resource resource) => JsonSerializer.SerializeToUtf8Bytes(ToJson(BeforeStore(resource with
    {
        Kind = Name,
        ApiVersion = Resource.GroupVersion,
        Metadata = resource.Metadata with { ResourceVersion = null },
    })), ResourceJson.TypeInfo<JsonElement>());

    /// <summary>As <see cref="Encode"/>, of a resource that its readers will take: they count an invalid one as absent, on every node.
    /// </summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the first wrong field as path; every one is in its text.
    /// </exception>
    public byte[] EncodeValid(Resource resource)
    {
        var errors = Validate(resource);
        return errors.IsEmpty
            ? Encode(resource)
            : throw new CalicoException(Problem.Invalid,
                $"{Name}({resource.Metadata.Name}) would be refused by whoever reads it: {ValidationError.Describe(errors)}",
                errors[0].Path);
    }

    /// <summary>Everything that is wrong with a resource.</summary>
    public ImmutableArray<ValidationError> Validate(Resource resource) => Check(ToJson(resource), new ShapeReport()).Errors;

    /// <summary>Paths of the members of a resource's spec that this version does not know.</summary>
    public ImmutableArray<string> UnknownFields(Resource resource) =>
        [.. Check(ToJson(resource), new ShapeReport()).Unknown.Where(path => path.StartsWith("spec.", StringComparison.Ordinal))];

    /// <summary>Checks JSON of this kind.</summary>
    public ShapeReport Check(JsonElement json, ShapeReport report)
    {
        try
        {
            _whole.Value.Check(json, "", report);
        }
        catch (InvalidOperationException e)
        {
            // What the JSON reader throws for half a surrogate pair, wherever a shape reads a text.
            report.AddUnreadable(e.Message);
        }

        return report;
    }

    /// <summary>Fills in defaults and canonical spellings.</summary>
    public JsonObject Complete(JsonObject json) => (JsonObject)_whole.Value.Complete(json);

    private protected abstract Resource Read(JsonElement json);

    /// <summary>Reads a value that is valid and has nothing unusual; null: it is read the long way, which reads the same.</summary>
    private protected virtual Resource? ReadPlainly(ReadOnlyMemory<byte> value) => null;

    /// <summary>As <see cref="Complete(JsonObject)"/>; the element itself when nothing has to be filled in.</summary>
    private JsonElement Complete(JsonElement json, out ShapeReport report)
    {
        report = Check(json, new ShapeReport { AcceptOtherSpellings = true });
        return report.Unreadable ? throw new JsonException(report.Errors[^1].Message)
            : report.Incomplete && JsonObject.Create(json) is { } map
            ? JsonSerializer.SerializeToElement(Complete(map), ResourceJson.TypeInfo<JsonObject>())
            : json;
    }

    private ObjectShape CreateShape() => new(
        Text("kind"),
        Text("apiVersion", version => version == Resource.GroupVersion ? null : $"must be {Resource.GroupVersion}"),
        Required(Nested("metadata", MetadataShape.Create(NameFormat))),
        WithDefault(Nested("spec", Spec), "{}"),
        new Field("status", Status ?? new AnyShape()))
    {
        Rules = Rules,
        SchemaRules = SchemaRules,
    };
}

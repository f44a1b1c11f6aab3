using System.Collections.Immutable;
using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>What a check of a JSON value found; collects everything, never the first only.</summary>
public sealed class ShapeReport
{
    private readonly ImmutableArray<ValidationError>.Builder _errors = ImmutableArray.CreateBuilder<ValidationError>();
    private readonly ImmutableArray<string>.Builder _unknown = ImmutableArray.CreateBuilder<string>();

    /// <summary>Whether rules of upstream's CRD layer (enumerations, lengths, CEL) count. Upstream runs bare sub-objects without.</summary>
    public bool WithSchemaRules { get; init; } = true;

    /// <summary>Whether other spellings of a canonical name (<c>tcp</c>) pass, because the value is completed afterwards.</summary>
    public bool AcceptOtherSpellings { get; init; }

    /// <summary>Whether the value lacks a default or is spelt otherwise than canonical, so that completing it changes it.</summary>
    public bool Incomplete { get; private set; }

    /// <summary>Whether some text of the value is none (half a surrogate pair), so that nothing may be read from it or written of it.
    /// </summary>
    public bool Unreadable { get; private set; }

    /// <summary>Everything that is wrong.</summary>
    public ImmutableArray<ValidationError> Errors => _errors.ToImmutable();

    /// <summary>Paths of members that no shape knows.</summary>
    public ImmutableArray<string> Unknown => _unknown.ToImmutable();

    public void Add(string path, string message) => _errors.Add(new(path, message));

    public void Add(string path, string message, JsonElement value) => _errors.Add(new(path, message, Shorten(value.ToString())));

    internal void AddUnreadable(string why)
    {
        Unreadable = true;
        Add("", $"holds a text that is not Unicode: {why}");
    }

    internal void AddUnknown(string path) => _unknown.Add(path);

    internal void MarkIncomplete() => Incomplete = true;

    // A megabyte of annotation does not belong in an error line.
    private static string Shorten(string text) => text.Length <= 120 ? text : text[..120] + "...";
}

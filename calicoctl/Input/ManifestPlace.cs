using Calico.Datastore.Resources;
using Calico.Datastore.Yaml;

namespace Calico.Cli.Input;

/// <summary>Where a resource stands: in which file, in which document, and where in that.</summary>
/// <param name="Source">The file, or <c>stdin</c>.</param>
/// <param name="Document">The document.</param>
/// <param name="Prefix">Path of the resource in the document; empty: it is the document.</param>
internal sealed record ManifestPlace(string Source, YamlDocument Document, string Prefix)
{
    internal Fault Fault(string path, string message) => new(Source, LineOf(path), path, message);

    internal Fault Fault(ValidationError error) =>
        Fault(error.Path, error.Value.Length > 0 ? $"{error.Message} (it is '{error.Value}')" : error.Message);

    /// <summary>The path in the document of a field of the resource.</summary>
    internal string InDocument(string path) => Prefix.Length == 0 ? path : path.Length == 0 ? Prefix : $"{Prefix}.{path}";

    // What is missing has no line: that of the nearest thing around it.
    private int LineOf(string path)
    {
        var at = InDocument(path);
        while (at.Length > 0)
        {
            if (Document.Lines.TryGetValue(at, out var line))
            {
                return line;
            }

            at = at[..Math.Max(0, at.LastIndexOfAny(['.', '[']))];
        }

        return Document.Line;
    }
}

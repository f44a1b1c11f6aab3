using System.Text.Json.Nodes;

namespace Calico.Datastore.Yaml;

/// <summary>One document of a YAML text.</summary>
/// <param name="Root">Its value as JSON; null: empty.</param>
/// <param name="Lines">The line of every member and item, by its path from the root, e.g. <c>spec.egress[1].action</c>.</param>
/// <param name="Flags">Plain <c>yes</c>, <c>no</c>, <c>on</c> and <c>off</c>, by path: text to YAML 1.2, true and false to YAML 1.1, which
/// upstream reads. Which is meant the field knows.</param>
/// <param name="Line">Where it begins.</param>
public sealed record YamlDocument(JsonNode? Root, IReadOnlyDictionary<string, int> Lines,
    IReadOnlyDictionary<string, bool> Flags, int Line);

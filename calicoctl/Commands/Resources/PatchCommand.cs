using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Cli.Input;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Yaml;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl patch KIND NAME -p PATCH</c>: maps are merged, null removes, everything else takes the old value's place.
/// </summary>
internal static class PatchCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        var kind = new Argument<string>("KIND");
        var name = new Argument<string>("NAME");
        var patch = new Option<string>("--patch", "-p") { Required = true, Description = "The change, in YAML or JSON." };
        var type = new Option<string>("--type", "-t")
        {
            DefaultValueFactory = _ => "strategic",
            Description = "Taken and ignored, as upstream does.",
        };
        var command = new Command("patch", "Change parts of a resource.") { kind, name, patch, type, options.Namespace };
        var writing = new WriteOptions(command);
        command.SetAction(async (result, ct) =>
        {
            var target = KindArgument.Resolve(result.GetValue(kind));
            WriteRules.Check("patch", target, result.GetValue(name)!);
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            var change = YamlReader.Read(result.GetValue(patch)!) is [{ Root: JsonObject } only]
                ? only
                : throw new CliException("hit error: a patch must be a map");
            await using var session = writing.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var key = (await new EndpointFinder(session.Client).KeysAsync(target, [result.GetValue(name)!], ns, ct))[0];
            Resource merged;
            try
            {
                var old = await session.Client.GetAsync(key, ct);
                merged = Merge(target, old, change);
                await session.Client.UpdateAsync(merged, ct);
            }
            catch (Exception e) when (e is CalicoException || ResourceJson.IsUnreadable(e))
            {
                throw new CliException($"hit error: {e.Message}");
            }

            session.WarnIfIdle(key, merged);
            session.SayDone($"patched 1 '{target.Name}' resource");
            return 0;
        });
        return command;
    }

    private static Resource Merge(ResourceKind kind, Resource old, YamlDocument change)
    {
        var merged = (JsonObject)Merge(JsonObject.Create(kind.ToJson(old)), change.Root)!;
        var known = kind.Check(kind.ToJson(old), new ShapeReport()).Unknown;
        var report = FieldNames.Check(kind, merged, path => change.Flags.TryGetValue(path, out var flag) ? flag : null, out var json);
        var unknown = report.Unknown.Except(known).Select(path =>
            $"field in document is not recognized or is in the wrong location: {path}{FieldNames.Suggest(kind, path)}").ToArray();
        if (unknown.Length > 0)
        {
            throw new CliException($"hit error: {string.Join('\n', unknown)}");
        }

        try
        {
            return kind.Decode(json);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e) && !report.Errors.IsEmpty)
        {
            throw ResourceErrors.Invalid(report.Errors);
        }
    }

    private static JsonNode? Merge(JsonNode? old, JsonNode? change)
    {
        if (change is not JsonObject map)
        {
            return change?.DeepClone();
        }

        var result = old as JsonObject ?? [];
        foreach (var (name, value) in map)
        {
            if (value is null)
            {
                result.Remove(name);
            }
            else
            {
                result[name] = Merge(result[name], value) is var merged
                    && ReferenceEquals(merged, result[name]) ? Detach(result, name) : merged;
            }
        }

        return result;
    }

    // A node has one parent: what stays in place has to be taken out before it is put back.
    private static JsonNode? Detach(JsonObject parent, string name)
    {
        var node = parent[name];
        parent.Remove(name);
        return node;
    }
}

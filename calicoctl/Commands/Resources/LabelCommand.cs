using System.Collections.Immutable;
using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl label KIND NAME key=value|key</c>.</summary>
internal static class LabelCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        var kind = new Argument<string>("KIND");
        var name = new Argument<string>("NAME");
        var label = new Argument<string>("LABEL") { Description = "key=value, or with --remove the key." };
        var overwrite = new Option<bool>("--overwrite") { Description = "Give a label that is there a new value." };
        var remove = new Option<bool>("--remove") { Description = "Remove the label." };
        var command = new Command("label", "Set or remove a label of a resource.")
        {
            kind, name, label, overwrite, remove, options.Namespace,
        };
        var writing = new WriteOptions(command);
        command.SetAction(async (result, ct) =>
        {
            var target = KindArgument.Resolve(result.GetValue(kind));
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            await using var session = writing.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var id = $"{target.Name} {result.GetValue(name)}";
            var key = (await new EndpointFinder(session.Client).KeysAsync(target, [result.GetValue(name)!], ns, ct))[0];
            var resource = await session.Client.FindAsync(key, ct)
                ?? throw new CliException($"{id} not found" + await NameHint.ForAsync(session.Client, key, ct));
            var change = Change(result.GetValue(label)!, result.GetValue(remove), result.GetValue(overwrite), resource.Metadata, id);
            await session.Client.UpdateAsync(resource with { Metadata = resource.Metadata with { Labels = change.Labels } }, ct);
            session.SayDone(change.Message);
            return 0;
        });
        return command;
    }

    private static (ImmutableSortedDictionary<string, string> Labels, string Message) Change(string text, bool remove, bool overwrite,
        ObjectMeta metadata, string id)
    {
        var labels = metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty;
        var parts = text.Split('=', 2);
        if (remove)
        {
            return labels.ContainsKey(parts[0])
                ? (labels.Remove(parts[0]), $"removed label {parts[0]} from {id}")
                : throw new CliException($"cannot remove label of {id}, key {parts[0]} does not exist");
        }

        if (parts is not [{ Length: > 0 } key, var value])
        {
            throw new CliException($"invalid label {text}");
        }

        if (!labels.TryGetValue(key, out var old))
        {
            return (labels.Add(key, value), $"set label {key} on {id}");
        }

        return old == value || overwrite
            ? (labels.SetItem(key, value), $"updated label {key} on {id}")
            : throw new CliException(
                $"failed to update label of {id}, key {key} is already present. please use '--overwrite' to set a new value");
    }
}

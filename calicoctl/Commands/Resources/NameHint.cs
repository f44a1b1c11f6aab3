using Calico.Cli.Input;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Sync;

namespace Calico.Cli.Commands.Resources;

/// <summary>Which name somebody may have meant who named a resource that does not exist.</summary>
internal static class NameHint
{
    /// <summary>A line to append to an error, or nothing.</summary>
    internal static async Task<string> ForAsync(ResourceClient client, ResourceKey key, CancellationToken ct)
    {
        try
        {
            return Suggestion.For(key.Name,
                (await client.ListAsync(ResourceKinds.All.Of(key), key.Namespace, ct)).Items.Select(item => item.Metadata.Name));
        }
        catch (CalicoException)
        {
            // The error that is to be explained has been said; who may not list gets no hint.
            return "";
        }
    }
}

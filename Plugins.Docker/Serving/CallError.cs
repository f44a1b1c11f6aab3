using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Calico.Plugins.Docker.Serving;

/// <summary>What an error is called in dockerd's protocol: a status, and a text that it shows to its user.</summary>
internal static class CallError
{
    private const int Failed = StatusCodes.Status500InternalServerError;

    /// <summary>The contract's fields in the words of Docker's user.</summary>
    private static readonly Dictionary<string, string> Words = new(StringComparer.Ordinal)
    {
        ["exact"] = "--ip",
        ["claim.exact"] = "--ip",
        ["IP"] = "--ip",
        ["pools"] = "--subnet",
        ["claim.pools"] = "--subnet",
        ["unmanaged"] = "Interface.Address",
        ["mac"] = "--mac-address",
        ["mtu"] = Protocol.NetworkOptions.MtuKey,
        ["placement.interfaceName"] = "EndpointID",
    };

    /// <summary>A status and a text for whatever came out of a call; null: nobody expected it.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="limit">How long the call had.</param>
    public static (int Status, string Text)? Of(Exception error, TimeSpan limit) => error switch
    {
        CalicoException { Path: { } path } e => (Failed, $"{Words.GetValueOrDefault(path, path)}: {e.Message}"),
        CalicoException e => (Failed, e.Message),
        JsonException e => (StatusCodes.Status400BadRequest, $"the request is not what the protocol says: {e.Message}"),
        BadHttpRequestException e => (e.StatusCode, e.Message),
        OperationCanceledException => (Failed, $"Calico did not answer within {limit.TotalSeconds:0} s; try again"),
        _ => null,
    };
}

using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Ipam;
using static Calico.VectorTests.Ipam.IpamDatastore;

namespace Calico.VectorTests.Ipam;

/// <summary>Judges vectors about owners. They have a description only: what it names of upstream's options is what is done.</summary>
internal static class OwnerVector
{
    private static readonly ImmutableSortedDictionary<string, string> First = Owner("pod-1");
    private static readonly ImmutableSortedDictionary<string, string> Second = Owner("pod-2");
    private static readonly ImmutableSortedDictionary<string, string> Third = Owner("pod-3");

    public static VectorVerdict Run(JsonElement vector, JsonElement expect)
    {
        var text = Text(vector, "description")!;
        bool Says(string words) => text.Contains(words, StringComparison.OrdinalIgnoreCase);

        var address = IPAddress.Parse("10.0.0.1");
        var isMatch = Says("match") && !Says("mismatch");
        var needsAlternate = Says("leaves alternate") || Says("ExpectedAlternateOwner") || Says("VerifyAlternateOwnerEmpty & set")
            || Says("ClearAlternateOwner")
            || Says("swap");
        var update = new OwnerUpdate(address) { Handle = "h" };
        update = (Says("set active") || Says("active update") || Says("set both") || Says("swap"))
            ? update with { Active = Second } : update;
        update = (Says("set alternate") || Says("alternate update") || Says("set both") || Says("swap"))
            ? update with { Alternate = Third } : update;
        update = update with
        {
            ClearAlternate = Says("ClearAlternateOwner"),
            ClearActive = Says("ClearActiveOwner"),
            ExpectedActive = Says("ExpectedActiveOwner") ? isMatch ? First : Third : null,
            ExpectedAlternate = Says("ExpectedAlternateOwner") ? isMatch ? Second : Third : null,
            ExpectNoActive = Says("VerifyActiveOwnerEmpty"),
            ExpectNoAlternate = Says("VerifyAlternateOwnerEmpty"),
            Handle = Says("handle") ? "other" : "h",
        };
        var hasPurpose = update != new OwnerUpdate(address) { Handle = "h" } || Says("no-op") || Says("not allocated")
            || Says("unallocated");
        if (!hasPurpose || Says("handle match") || Says("case-insensitive"))
        {
            return VectorVerdict.Skip("not machine-readable: the description names no option that is known here");
        }

        var datastore = new IpamDatastore();
        using var setup = JsonDocument.Parse("""{"pools":[{"cidr":"10.0.0.0/24","blockSize":26}],"nodes":{"host":{}}}""");
        datastore.Prepare(setup.RootElement);
        var isEmptyActive = Says("VerifyActiveOwnerEmpty & empty");
        if (!Says("not allocated") && !Says("unallocated"))
        {
            IpamDatastore.Run(datastore.Client.AssignAsync(new(address, "host", "h")
            {
                Attributes = isEmptyActive ? ImmutableSortedDictionary<string, string>.Empty : First,
            }, default));
        }

        if (needsAlternate)
        {
            IpamDatastore.Run(datastore.Client.SetOwnersAsync(new(address) { Alternate = Second }, default));
        }

        return Judge(datastore, update, First, needsAlternate ? Second : null, expect);
    }

    private static VectorVerdict Judge(IpamDatastore datastore, OwnerUpdate update, ImmutableSortedDictionary<string, string> active,
        ImmutableSortedDictionary<string, string>? alternate, JsonElement expect)
    {
        CalicoException? failure = null;
        try
        {
            IpamDatastore.Run(datastore.Client.SetOwnersAsync(update, default));
        }
        catch (CalicoException e)
        {
            failure = e;
        }

        if (expect.TryGetProperty("error", out var error) && error.ValueKind is JsonValueKind.String or JsonValueKind.True)
        {
            var isExpected = failure is not null && (error.ValueKind == JsonValueKind.True || error.GetString() switch
            {
                "UpdateConflict" => failure.Problem == Problem.Conflict,
                "ResourceDoesNotExist" => failure.Problem == Problem.NotFound,
                var text => failure.Message.Contains(text!, StringComparison.Ordinal),
            });
            return isExpected ? VectorVerdict.Pass : VectorVerdict.Fail($"error \"{failure?.Message}\", not {error}");
        }

        if (failure is not null)
        {
            return VectorVerdict.Fail(failure.Message);
        }

        var after = IpamDatastore.Run(datastore.Client.AttributesOfAsync(update.Address, default));
        var wantedActive = update.ClearActive ? null : update.Active ?? active;
        var wantedAlternate = update.ClearAlternate ? null : update.Alternate ?? alternate;
        return Same(after.Secondary, wantedActive) && Same(after.AlternateOwnerAttrs, wantedAlternate)
            ? VectorVerdict.Pass
            : VectorVerdict.Fail($"owners are {after}");
    }

    private static bool Same(ImmutableSortedDictionary<string, string>? actual, ImmutableSortedDictionary<string, string>? wanted) =>
        (actual ?? ImmutableSortedDictionary<string, string>.Empty)
            .SequenceEqual(wanted ?? ImmutableSortedDictionary<string, string>.Empty);

    private static ImmutableSortedDictionary<string, string> Owner(string pod) =>
        ImmutableSortedDictionary<string, string>.Empty.Add("namespace", "ns").Add("pod", pod);
}

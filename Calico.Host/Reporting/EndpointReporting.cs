using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.V3;
using Calico.Host.Node;

namespace Calico.Host.Reporting;

/// <summary>What FelixConfiguration says of writing endpoints' status to the store: the cluster's, and over it this node's.</summary>
/// <param name="IsEnabled">Whether it is written.</param>
/// <param name="Delay">Between two writes.</param>
/// <param name="Region">In the keys.</param>
internal sealed record EndpointReporting(bool IsEnabled, TimeSpan Delay, string Region)
{
    /// <summary>As upstream's.</summary>
    public static readonly EndpointReporting Default = new(false, TimeSpan.FromSeconds(1), EndpointStatusKeys.NoRegion);

    /// <summary>As it stands in the store now. A configuration that cannot be used is as if it were not there.</summary>
    public static EndpointReporting Read(DatastoreView view, string nodeName)
    {
        var (own, cluster) = (Spec(view, $"node.{nodeName}"), Spec(view, "default"));
        var delay = own?.EndpointReportingDelay ?? cluster?.EndpointReportingDelay;
        return new((own?.EndpointReportingEnabled ?? cluster?.EndpointReportingEnabled) == true,
            delay is not null && TextFormats.TryDuration(delay, out var given) ? given : Default.Delay,
            EndpointStatusKeys.Region(own?.OpenstackRegion ?? cluster?.OpenstackRegion));
    }

    private static FelixConfigurationSpec? Spec(DatastoreView view, string name) =>
        view.Find(Kinds.FelixConfiguration.Key(name)) is { } found && Kinds.FelixConfiguration.TryRead(found, out var configuration)
            ? configuration.Spec : null;
}

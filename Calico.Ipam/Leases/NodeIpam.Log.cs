using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

public sealed partial class NodeIpam
{
    private static partial class Log
    {
        [LoggerMessage(3000, LogLevel.Information, "IPAM has {Leases} leases and {Parked} parked addresses; {Journal} answers are not in the store yet")]
        public static partial void Loaded(ILogger logger, int leases, int parked, int journal);

        [LoggerMessage(3001, LogLevel.Error, "the node log's entry {Key} cannot be read and is left alone: {Reason}")]
        public static partial void DamagedEntry(ILogger logger, string key, string reason);

        [LoggerMessage(3002, LogLevel.Warning, "the store does not answer; addresses come from the {Reserve} that it shows as this node's: {Reason}")]
        public static partial void StoreDown(ILogger logger, int reserve, string reason);

        [LoggerMessage(3003, LogLevel.Information, "the store answers again; {Journal} answers are to be replayed")]
        public static partial void StoreBack(ILogger logger, int journal);

        [LoggerMessage(3004, LogLevel.Information, "replayed {Releases} releases and {Leases} leases")]
        public static partial void Replayed(ILogger logger, int releases, int leases);

        [LoggerMessage(3005, LogLevel.Error, "address {Address} of handle {Handle}, bound to {Endpoint}, is held by {Holder} in the store; its lease has ended")]
        public static partial void LeaseLost(ILogger logger, string address, string handle, string? endpoint, string holder);

        [LoggerMessage(3006, LogLevel.Information, "found {Count} leases of this node in the store that the node log had lost")]
        public static partial void Adopted(ILogger logger, int count);

        [LoggerMessage(3007, LogLevel.Information, "collected the unbound lease of {Address}, handle {Handle}, claimed {Since:O}")]
        public static partial void Collected(ILogger logger, string address, string handle, DateTimeOffset since);

        [LoggerMessage(3008, LogLevel.Warning, "the reserve of IPv{Version} addresses is not full: {Reason}")]
        public static partial void ReserveShort(ILogger logger, int version, string reason);

        [LoggerMessage(3009, LogLevel.Warning, "maintenance waits for the store: {Reason}")]
        public static partial void MaintenanceWaits(ILogger logger, string reason);

        [LoggerMessage(3010, LogLevel.Debug, "not served without the store: {Reason}")]
        public static partial void OfflineRefused(ILogger logger, string reason);

        [LoggerMessage(3011, LogLevel.Error, "an unanswered transaction could not be noted in the node log; the audit has to find what it took: {Reason}")]
        public static partial void DoubtNotLogged(ILogger logger, string reason);

        [LoggerMessage(3061, LogLevel.Error, "block {Block} cannot be read and is set aside: {Reason}. Its addresses stay with their holders and are not given out; "
            + "mend the value or delete it, and it is written again from what this node knows")]
        public static partial void BlockDamaged(ILogger logger, string block, string reason);

        [LoggerMessage(3062, LogLevel.Information, "gave back the reserve of node {Node}, which does not exist any more")]
        public static partial void ReserveFreed(ILogger logger, string node);

        [LoggerMessage(3060, LogLevel.Warning, "the store had lost {Count} leases of this node; they were taken again")]
        public static partial void Retaken(ILogger logger, int count);
    }
}

# Prints metrics in Prometheus' text format: those of the file `published`, plus the requests in the lines of nginx'
# access log on standard input.  The first line has the log's inode and the offset that was read; the last line is
# `# complete`.
#
# Variables: published, an earlier output of this program, which may be absent; inode and offset, of the log's first
# byte on standard input; available, the number of bytes on standard input; now, seconds since the epoch.

BEGIN {
    FS = "\""
    bounds = split("0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf", bound, " ")
    while ((getline line < published) > 0)
        if (line !~ /^#/) {
            space = match(line, / [^ ]*$/)
            value[substr(line, 1, space - 1)] = substr(line, space + 1) + 0
        }
}

# nginx has not finished its last line.
consumed + length($0) + 1 > available { exit }

{
    consumed += length($0) + 1
    method = $2
    sub(/ .*/, "", method)
    if (method !~ /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/)
        method = "other"  # clients choose the method, and each value is a separate series
    split($3, answer, " ")
    value["app_requests_total{method=\"" method "\",status=\"" answer[1] "\"}"]++

    duration = $NF + 0
    for (i = 1; i <= bounds; i++)
        if (bound[i] == "+Inf" || duration <= bound[i])
            value["app_request_duration_seconds_bucket{le=\"" bound[i] "\"}"]++
    value["app_request_duration_seconds_sum"] += duration
    value["app_request_duration_seconds_count"]++
}

END {
    printf "# read %s %.0f\n", inode, offset + consumed

    print "# HELP app_requests_total Requests answered, by method and status."
    print "# TYPE app_requests_total counter"
    for (series in value)
        if (series ~ /^app_requests_total/)
            printf "%s %.0f\n", series, value[series]

    print "# HELP app_request_duration_seconds Time from the first byte of a request to the last byte of its answer."
    print "# TYPE app_request_duration_seconds histogram"
    for (i = 1; i <= bounds; i++) {
        series = "app_request_duration_seconds_bucket{le=\"" bound[i] "\"}"
        printf "%s %.0f\n", series, value[series]
    }
    printf "app_request_duration_seconds_sum %.3f\n", value["app_request_duration_seconds_sum"]
    printf "app_request_duration_seconds_count %.0f\n", value["app_request_duration_seconds_count"]

    print "# HELP app_metrics_updated_timestamp_seconds Time when these metrics were last updated."
    print "# TYPE app_metrics_updated_timestamp_seconds gauge"
    printf "app_metrics_updated_timestamp_seconds %.0f\n", now
    print "# complete"
}

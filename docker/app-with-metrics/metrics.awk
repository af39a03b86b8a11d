# Prints metrics in Prometheus' text format: those of the file `published`, raised by the requests that come in as
# lines of nginx' access log.  Its first line says up to where the log has been read, its last that nothing is missing.
#
# Variables: published, a file that this program has printed or one that is absent; inode and offset, what is read
# and from where; available, how many bytes come in; now, seconds since the epoch.

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
        method = "other"  # clients choose it: any word would be a series of its own
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

    print "# HELP app_metrics_updated_timestamp_seconds When these metrics were counted last."
    print "# TYPE app_metrics_updated_timestamp_seconds gauge"
    printf "app_metrics_updated_timestamp_seconds %.0f\n", now
    print "# complete"
}
